import pytest

from dbal_tf.labelling.leases import Leases
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.labelling.offers import Offers
from dbal_tf.store import lock
from dbal_tf.store.writer import Store


@pytest.fixture
def offers(asked):
    with Store(asked.folder) as store:
        yield Offers(asked.folder, Ledger(store.reader), Leases())


def test_the_state_is_what_the_trainer_wrote_unless_the_store_knows_better(offers, asked):
    assert offers.state() == "asking"
    asked.say("training")
    with lock.hold(asked.folder):
        assert offers.state() == "training"


def test_a_run_that_has_to_train_and_does_not_is_stopped(offers, asked):
    asked.say("training")
    assert offers.state() == "stopped"
    asked.ask(1, [])
    offers.ledger.refresh()
    for said, state in (("asking", "stopped"), ("training", "stopped"), ("done", "done")):
        asked.say(said)
        assert offers.state() == state
    asked.say("asking")
    with lock.hold(asked.folder):
        assert offers.state() == "training"


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"state": []}', "\udcff"])
def test_a_state_that_cannot_be_read_is_as_good_as_none(offers, asked, text):
    (asked.folder / "state.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert offers.state() == "asking"
    (asked.folder / "state.json").unlink()
    assert offers.state() == "asking"


def test_while_the_trainer_trains_what_it_waits_for_comes_first(offers, asked):
    asked.say("training")
    uses = [offer.use for offer in offers.take("ann", 32)]
    assert uses == ["query"] * 4 + ["reserve"] * 4 + ["test"] * 4


def test_answerable_is_what_has_no_answer_and_is_not_leased_to_others(offers):
    offers.take("bob", 1)
    expected = [f"pool-{n}" for n in range(10, 18)] + [f"test-{n}" for n in range(2, 6)]
    assert offers.answerable("bob") == expected
    assert offers.answerable("ann") == expected[1:]


def test_left_counts_for_all_together(offers):
    offers.take("bob", 2)
    assert offers.left() == 4
