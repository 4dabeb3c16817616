import pytest

from dbal_tf.labelling.desk import Desk
from dbal_tf.labelling.lists import LISTS
from dbal_tf.labelling.wire import Told
from dbal_tf.store.layout import out_of_fold_file
from dbal_tf.store.writer import Store


@pytest.fixture
def desk(asked):
    with Store(asked.folder) as store:
        yield Desk(asked.folder, store, "after")


def say(desk, item, answer, annotator="ann"):
    desk.answer(Told((item,), answer, annotator, 1.0, ""))


def items(desk, which, offset=0, count=50):
    return [row["item"] for row in desk.list(which, offset, count)["items"]]


def test_unsure_and_skipped_are_two_lists_the_latest_first(desk):
    for number, answer in enumerate(["unsure", "skipped", "unsure", "skipped"], 10):
        say(desk, f"pool-{number}", answer)
    assert items(desk, "unsure") == ["pool-12", "pool-10"]
    assert items(desk, "skipped") == ["pool-13", "pool-11"]
    say(desk, "pool-12", 1)
    assert items(desk, "unsure") == ["pool-10"] and items(desk, "answered")[0] == "pool-12"


def test_parts_of_a_list_have_its_whole_length(desk):
    whole = items(desk, "answered")
    assert len(whole) == 8
    assert items(desk, "answered", 2, 3) == whole[2:5]
    assert desk.list("answered", 100, 3) == {"items": [], "total": 8}


def test_where_the_model_disagrees_most_comes_first(desk, asked):
    probs = {"known-0": [0.9, 0.1, 0], "pool-00": [0.2, 0.8, 0], "pool-01": [0.5, 0.5, 0]}
    asked.predict(0, probs)
    listed = desk.list("disagreements", 0, 50)
    assert [row["item"] for row in listed["items"]] == ["pool-00", "pool-01", "known-0"]
    assert listed["items"][0]["answer"] == 0 and listed["items"][0]["prediction"]["class"] == 1


def test_a_network_that_was_not_trained_on_a_label_says_where_it_is(desk, asked):
    learned = {"known-0": [0.9, 0.1, 0], "pool-00": [0.8, 0.2, 0], "pool-01": [0.5, 0.5, 0]}
    asked.predict(0, learned)
    assert items(desk, "disagreements") == ["pool-01", "pool-00", "known-0"]
    asked.predict(0, {"known-0": [0.1, 0.9, 0]}, out_of_fold_file)
    listed = desk.list("disagreements", 0, 1)["items"]
    assert listed[0]["item"] == "known-0" and listed[0]["prediction"]["class"] == 1


def test_a_list_is_made_once_until_something_changes(desk, asked, monkeypatch):
    made, sorted_ = [], LISTS["answered"]
    monkeypatch.setitem(LISTS, "answered", lambda *a: made.append(1) or sorted_(*a))
    assert items(desk, "answered") == items(desk, "answered")
    assert len(made) == 1
    say(desk, "pool-10", 1)
    assert items(desk, "answered")[0] == "pool-10" and len(made) == 2
    asked.predict(0, {"pool-10": [0, 1, 0]})
    desk.list("answered", 0, 1)
    assert len(made) == 3


def test_conflicts_have_a_row_per_annotator(desk):
    say(desk, "pool-10", 1)
    say(desk, "pool-10", 2, "bob")
    say(desk, "pool-11", 1)
    say(desk, "pool-11", 1, "bob")
    listed = desk.list("conflicts", 0, 50)
    rows = {(row["item"], row["annotator"], row["answer"]) for row in listed["items"]}
    assert rows == {("pool-10", "ann", 1), ("pool-10", "bob", 2)} and listed["total"] == 1
    say(desk, "pool-10", 2)
    assert desk.list("conflicts", 0, 50) == {"items": [], "total": 0}


def test_of_a_conflict_the_answer_in_force_comes_first(desk):
    def answers():
        rows = desk.list("conflicts", 0, 50)["items"]
        assert rows[0]["answer"] == desk.ledger.answer("pool-10")
        return [(row["annotator"], row["answer"]) for row in rows]

    say(desk, "pool-10", 1)
    say(desk, "pool-10", 2, "bob")
    assert answers() == [("bob", 2), ("ann", 1)]
    say(desk, "pool-10", "unsure", "carol")
    assert answers() == [("carol", "unsure"), ("bob", 2), ("ann", 1)]
    say(desk, "pool-10", 1)
    assert answers() == [("ann", 1), ("carol", "unsure"), ("bob", 2)]
    say(desk, "pool-10", 0, "dave")
    desk.undo("dave")
    assert answers() == [("ann", 1), ("carol", "unsure"), ("bob", 2)]


def test_what_was_taken_back_is_in_no_list(desk):
    say(desk, "pool-10", 1)
    say(desk, "pool-10", 2, "bob")
    desk.undo("bob")
    assert desk.list("conflicts", 0, 50)["total"] == 0
    assert desk.ledger.answer("pool-10") == 1, "that of ann stands again"
    desk.undo("ann")
    assert "pool-10" not in items(desk, "answered")
