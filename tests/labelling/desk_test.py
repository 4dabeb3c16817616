import contextlib
import sqlite3

import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.labelling.desk import Desk
from dbal_tf.labelling.leases import Leases
from dbal_tf.labelling.wire import Refused, Told
from dbal_tf.store import lock
from dbal_tf.store.layout import FLAGS_FILE, STORE_FILE
from dbal_tf.store.writer import Store


@pytest.fixture
def desk(asked):
    with Store(asked.folder) as store:
        yield Desk(asked.folder, store)


def told(*items, answer=0, annotator="ann", request="", seconds=1.5):
    return Told(items, answer, annotator, seconds, request)


def offered(desk, annotator="ann", count=8):
    return [(one["item"], one["use"]) for one in desk.next(annotator, count)["items"]]


def test_pending_items_come_by_rank(desk):
    assert offered(desk) == [(f"pool-{n}", "query") for n in range(10, 14)]


def test_an_answer_is_in_the_store_when_the_reply_is_there(desk, asked):
    reply = desk.answer(told("pool-10", answer=2))
    assert asked.answers()[-1] == ("pool-10", 2, "labelled", "ann")
    assert reply["saved"] and reply["prediction"] is None
    assert offered(desk) == [(f"pool-{n}", "query") for n in range(11, 14)]


def test_a_skipped_item_is_replaced_by_the_reserve(desk):
    desk.answer(told("pool-10", answer="skipped"))
    assert [item for item, _ in offered(desk)] == ["pool-11", "pool-12", "pool-13", "pool-14"]


def test_while_the_trainer_trains_a_person_goes_on(desk, asked):
    desk.answer(told("pool-10", answer="unsure"))
    desk.answer(told(*[f"pool-{n}" for n in range(11, 15)]))
    asked.say("training", 1)
    uses = {"pool-15": "reserve", "pool-16": "reserve", "pool-17": "reserve"}
    uses |= {f"test-{n}": "test" for n in range(2, 6)} | {"pool-10": "unsure"}
    assert offered(desk, count=32) == list(uses.items())
    assert desk.next("bob", 4)["left"] == 8


def test_an_unsure_item_is_offered_once_more(desk):
    desk.answer(told(*[f"pool-{n}" for n in range(10, 18)], "test-2", "test-3", "test-4"))
    desk.answer(told("test-5", answer="unsure"))
    assert offered(desk) == [("test-5", "unsure")]
    assert desk.next("ann", 1)["items"][0]["previous"] == "unsure"
    desk.answer(told("test-5", answer="unsure"))
    assert offered(desk) == []


def test_two_annotators_never_get_the_same_item(desk):
    first, second = offered(desk, "ann", 3), offered(desk, "bob", 4)
    assert not {*first} & {*second}
    assert second == [("pool-13", "query")]
    desk.answer(told("pool-13", annotator="bob"))
    assert offered(desk, "bob", 1) == [("test-2", "test")]


def test_what_another_answered_while_images_were_compared_is_not_leased(desk, asked):
    offered(desk, "ann", 1)
    alike = desk.answerable_with("pool-10")[1:4]
    desk.answer(told(alike[0], annotator="bob"))
    with Store(asked.folder) as other:
        other.tell(Labels.from_answers({alike[1]: 2}), "cid")
    assert desk.lease_with("pool-10", alike) == alike[2:]


def test_leases_are_renewed_of_what_is_still_ones_own(asked):
    now = [0.0]
    with Store(asked.folder) as store:
        desk = Desk(asked.folder, store, leases=Leases(lambda: now[0]))
        items = [item for item, _ in offered(desk, "ann", 4)]
        assert desk.renew("ann", items) == {"items": items}
        now[0] = 100.0
        assert desk.renew("ann", items[:3]) == {"items": items[:3]}
        now[0] = 200.0
        assert offered(desk, "bob", 1) == [(items[3], "query")]
        desk.answer(told(items[0], annotator="bob"))
        assert desk.renew("ann", items) == {"items": items[1:3]}


def test_others_do_not_get_the_reserve_while_a_query_is_on_somebodys_screen(desk):
    offered(desk, "ann", 4)
    assert {use for _, use in offered(desk, "bob", 32)} == {"test"}


def test_a_retry_is_saved_once(desk, asked):
    before = len(asked.answers())
    replies = [desk.answer(told("pool-10", answer=1, request="u1")) for _ in range(3)]
    assert replies[0] == replies[1] == replies[2]
    assert len(asked.answers()) == before + 1


def test_a_retry_after_a_restart_is_saved_once(desk, asked):
    desk.answer(told("pool-10", "pool-11", answer=1, request="u1"))
    before = len(asked.answers())
    with Store(asked.folder) as store:
        reply = Desk(asked.folder, store).answer(
            told("pool-10", "pool-11", answer=1, request="u1")
        )
    assert reply["saved"] and len(asked.answers()) == before


def test_an_old_answer_of_anothers_is_saved(desk, asked):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-10", answer=1, annotator="bob"))
    assert asked.answers()[-1] == ("pool-10", 1, "labelled", "bob")


def test_undo_takes_back_answer_after_answer_also_after_a_restart(desk, asked):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-11", answer="skipped"))
    undone = desk.undo("ann")
    assert (undone["item"], undone["previous"], undone["use"]) == (
        "pool-11",
        "skipped",
        "query",
    )
    with Store(asked.folder) as store:
        again = Desk(asked.folder, store)
        assert again.undo("ann")["item"] == "pool-10"
        assert offered(again)[0] == ("pool-10", "query")
        # Then the answers of the start, which have one transaction.
        assert again.undo("ann")["item"] in ("test-1", "pool-00")
    assert asked.answers()[-1][2] == "withdrawn"


def test_undo_is_of_ones_own_answers(desk):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-11", answer=1, annotator="bob"))
    assert desk.undo("ann")["item"] == "pool-10"
    assert desk.undo("cid") == {"item": None}


def test_undo_leaves_what_another_corrected(desk):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-11", answer=1))
    desk.answer(told("pool-11", answer=2, annotator="bob"))
    assert desk.undo("ann")["item"] == "pool-10"


def test_undo_of_a_correction_restores_what_another_said(desk, asked):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-10", answer=2, annotator="bob"))
    desk.answer(told("known-0", answer=2, annotator="bob"))
    assert desk.undo("bob")["previous"] == 2
    last = desk.ledger.last["known-0"]
    assert (last.label, last.annotator) == (0, "dataset")
    desk.undo("bob")
    assert asked.answers()[-1] == ("pool-10", 1, "labelled", "ann")
    assert desk.ledger.answer("pool-10") == 1
    # What was restored is no new answer of ann's: her undo is of the items on her page.
    desk.answer(told("pool-11", answer=1))
    assert desk.undo("ann", meant=["pool-11"])["item"] == "pool-11"
    assert desk.ledger.answer("pool-10") == 1


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_restored_is_not_the_newest_of_whoever_gave_it(desk, asked, restart):
    desk.answer(told("pool-10", "pool-11", answer=1, annotator="bob"))
    desk.answer(told("pool-12", answer=1, annotator="bob"))
    for _ in range(2):
        desk.answer(told("pool-11", answer=2, annotator="alice"))
        desk.undo("alice")
    with Store(asked.folder) as store:
        again = Desk(asked.folder, store) if restart else desk
        assert again.undo("bob")["items"] == ["pool-12"]
        assert again.undo("bob")["items"] == ["pool-10", "pool-11"]
        assert again.ledger.answer("pool-11") is None


def test_a_correction_of_a_correction_is_taken_back_step_by_step(desk):
    desk.answer(told("known-0", answer=1, annotator="bob"))
    desk.answer(told("known-0", answer=2, annotator="alice"))
    said = [desk.undo(name) and desk.ledger.answer("known-0") for name in ("alice", "bob")]
    assert said == [1, 0]


def test_an_undo_of_a_correction_is_one_transaction(desk, asked):
    desk.answer(told("pool-10", answer=1, annotator="bob"))
    desk.answer(told("pool-10", answer=2, annotator="alice"))
    restoring = "NEW.state = 'labelled' BEGIN SELECT RAISE(FAIL, 'killed'); END"
    with contextlib.closing(sqlite3.connect(asked.folder / STORE_FILE)) as connection:
        connection.execute(f"CREATE TRIGGER kill BEFORE INSERT ON answers WHEN {restoring}")
        with pytest.raises(sqlite3.IntegrityError, match="killed"):
            desk.undo("alice")
        connection.execute("DROP TRIGGER kill")
    assert asked.answers()[-1] == ("pool-10", 2, "labelled", "alice")
    desk.undo("alice")
    assert asked.answers()[-1] == ("pool-10", 1, "labelled", "bob")


def test_undo_is_of_the_items_that_the_page_means(desk, asked):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-11", answer=2))
    # Said again, nothing new is stored, and the last answer is still that to pool-11.
    desk.answer(told("pool-10", answer=1))
    assert desk.undo("ann", "u1", ["pool-10"])["items"] == ["pool-10"]
    assert (desk.ledger.answer("pool-10"), desk.ledger.answer("pool-11")) == (None, 2)
    with Store(asked.folder) as store:
        retried = Desk(asked.folder, store).undo("ann", "u1", ["pool-10"])
    assert (retried["item"], retried["previous"]) == ("pool-10", None)
    desk.ledger.refresh()
    assert desk.ledger.answer("pool-11") == 2
    with pytest.raises(Refused, match="no image of this run"):
        desk.undo("ann", "u2", ["elsewhere"])


def test_undo_takes_back_all_that_the_page_means_though_some_was_corrected(desk):
    items = ["pool-10", "pool-11", "pool-12", "pool-13"]
    desk.answer(told(*items, answer=1))
    desk.answer(told("pool-11", answer=2))  # In another window.
    desk.answer(told("pool-13", answer=0, annotator="bob"))
    assert desk.undo("ann", "u1", items)["items"] == items[:3]
    assert [desk.ledger.answer(item) for item in items] == [None, None, None, 0]


@pytest.mark.parametrize("restart", [False, True])
def test_undo_of_a_grid_takes_all_of_it_back(desk, asked, restart):
    desk.answer(told("pool-10", answer=1, seconds=2.0))
    desk.answer(told("pool-11", "pool-12", "test-2", answer=1, seconds=3.0))
    with Store(asked.folder) as store:
        undone = (Desk(asked.folder, store) if restart else desk).undo("ann")
    assert undone["items"] == ["pool-11", "pool-12", "test-2"]
    assert undone["item"] == "pool-11"
    assert offered(desk, count=9)[0] == ("test-2", "test")


def test_a_retried_undo_takes_nothing_more_back(desk):
    desk.answer(told("pool-10", answer=1))
    desk.answer(told("pool-11", answer=1))
    assert desk.undo("ann", "u1") == desk.undo("ann", "u1")
    assert desk.undo("ann", "u2")["item"] == "pool-10"


def test_what_was_taken_back_is_offered_first_though_the_run_went_on(desk, asked):
    desk.answer(told("pool-10", "pool-11", "pool-12"))
    desk.answer(told("pool-13"))
    asked.ask(1, [f"pool-{n}" for n in range(20, 24)])
    assert desk.undo("ann")["item"] == "pool-13"
    assert offered(desk)[:2] == [("pool-13", "query"), ("pool-20", "query")]


@pytest.mark.parametrize("item, status", [("pool-29", 409), ("no-such", 404)])
def test_what_was_not_asked_for_is_refused_and_nothing_saved(desk, asked, item, status):
    before = asked.answers()
    with pytest.raises(Refused) as refusal:
        desk.answer(told("pool-10", item))
    assert refusal.value.status == status and asked.answers() == before


def test_an_answer_of_any_age_can_be_corrected(desk):
    desk.answer(told("pool-00", answer=2))
    desk.answer(told("known-0", answer=2))
    assert desk.run()["budget"]["corrections"] == 2


def test_the_trainers_new_round_is_seen(desk, asked):
    desk.answer(told("pool-10", "pool-11", "pool-12", "pool-13"))
    run = desk.run()
    assert run["state"] == "stopped" and str(asked.folder) in run["go_on"]
    with lock.hold(asked.folder):
        assert desk.run()["state"] == "training"
    asked.ask(1, ["pool-20", "pool-21"])
    assert desk.run()["round"] == 1 and desk.run()["state"] == "asking"
    assert offered(desk)[0] == ("pool-20", "query")


def test_a_finished_run_offers_nothing_but_what_is_taken_back(desk, asked):
    desk.answer(told("pool-10", "pool-11", "pool-12"))
    desk.answer(told("pool-13"))
    asked.ask(1, [])
    asked.say("done", 1)
    assert desk.next("ann", 4) == {"items": [], "left": 0, "state": "done"}
    desk.undo("ann")
    assert offered(desk) == [("pool-13", "query")]


def test_nothing_is_left_of_a_finished_run_though_images_were_skipped(desk, asked):
    desk.answer(told("pool-10", "pool-11"))
    desk.answer(told("pool-12", "pool-13", "pool-14", answer="skipped"))
    desk.answer(told("pool-15", "pool-16", "pool-17", answer="skipped"))
    assert desk.run()["budget"]["left"] == 2 * 4, "the reserve is used up"
    asked.ask(1, [])
    asked.say("done", 1)
    assert desk.run()["budget"]["left"] == 0


def test_more_rounds_are_seen_though_the_page_was_started_before(desk, asked):
    before = desk.run()
    more = desk.ledger.config.replace(rounds=5)
    (asked.folder / FLAGS_FILE).write_text(more.to_flags())
    after = desk.run()
    assert (before["rounds"], after["rounds"]) == (3, 5)
    assert after["budget"]["left"] == before["budget"]["left"] + 2 * 4
    assert after["id"] == before["id"], "the page keeps its answers under this name"


def test_before_the_first_model_the_start_is_asked_for(made):
    with Store(made.folder) as store:
        desk = Desk(made.folder, store)
        uses = [
            ("pool-00", "start"),
            ("pool-01", "start"),
            ("test-0", "test"),
            ("test-1", "test"),
        ]
        assert offered(desk) == uses
        run = desk.run()
    assert (run["round"], run["state"], run["budget"]["start"]) == (None, "asking", 2)


@pytest.mark.parametrize(
    "show, in_next, in_reply", [("never", 0, 0), ("after", 0, 1), ("before", 1, 1)]
)
def test_predictions_are_shown_when_wanted(asked, show, in_next, in_reply):
    asked.predict(0, {"pool-10": [0.1, 0.7, 0.2]})
    expected = {"class": 1, "probs": [0.1, 0.7, 0.2]}
    with Store(asked.folder) as store:
        desk = Desk(asked.folder, store, show)
        assert (desk.next("ann", 1)["items"][0]["prediction"] == expected) == in_next
        assert (desk.answer(told("pool-10"))["prediction"] == expected) == in_reply
