import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import LABEL_STATES, Labels
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.store.answers import check_answers
from dbal_tf.store.rows import LABELLED, TEST, TRAIN, VALIDATION
from dbal_tf.store.writer import Store

SIZE = 4


def test_what_is_known_at_the_start(made):
    with Store(made.folder) as store:
        ledger = Ledger(store.reader)
    assert ledger.start == ledger.query == ("pool-00", "pool-01", "test-0", "test-1")
    assert ledger.last_round is None and ledger.class_names == ("cat", "dog", "owl")
    assert ledger.use("test-5") == TEST and ledger.use("validation-0") == VALIDATION
    assert ledger.answer("known-1") == 1 and ledger.answer("pool-00") is None
    assert not +ledger.counts  # The initial set was not bought.


def test_validation_items_are_not_asked_for_if_the_start_asks_for_none(made):
    with Store(made.folder) as store:
        ledger = Ledger(store.reader)
    assert len(ledger.unanswered(TEST)) == 6 and ledger.unanswered(VALIDATION) == []


@pytest.mark.parametrize("seed", range(5))
def test_it_says_what_the_store_says_after_any_answers(asked, seed):
    rng = np.random.default_rng(seed)
    items = [f"pool-{n}" for n in range(10, 18)] + ["test-2", "test-3", "pool-00", "known-0"]
    with Store(asked.folder) as store, Store(asked.folder) as trainer:
        ledger, reader = Ledger(store.reader), trainer.reader
        for _ in range(30):
            item = str(rng.choice(items))
            state = str(rng.choice(LABEL_STATES))
            if state == "skipped" and ledger.state(item):
                trainer.withdraw([item], "ann")
            else:
                label = int(rng.integers(3)) if state == LABELLED else state
                store.tell(Labels.from_answers({item: label}), "ann", 1.0)
            ledger.refresh()
            pending, reserve = ledger.open()
            assert pending == reader.pending(SIZE).ids.tolist()
            answered = {*reader.answered_ids().tolist()}
            query = reader.query(reader.last_round()).ids.tolist()
            assert reserve == [item for item in query if item not in {*pending, *answered}]
            tests = {item for item in ledger.items if ledger.use(item) == TEST}
            assert {*ledger.unanswered(TEST)} == tests - answered
            assert {item for item in ledger.items if ledger.state(item)} == answered
            bought = sum(ledger.counts[TRAIN, state] for state in LABEL_STATES)
            assert bought == sum(item.startswith("pool") for item in answered)
            again = Ledger(reader)
            assert (again.last, +again.counts) == (ledger.last, +ledger.counts)
            assert again.corrections == ledger.corrections


def test_it_takes_what_the_store_takes(asked):
    with Store(asked.folder) as store:
        ledger = Ledger(store.reader)
        for item in sorted(ledger.items):
            labels = Labels.from_answers({item: 0})
            try:
                check_answers(store.reader, labels, 3)
                taken = True
            except ValueError:
                taken = False
            assert ledger.can_be_answered(item) == taken, item


def test_answers_that_come_while_it_reads_are_counted_once(asked, monkeypatch):
    with Store(asked.folder) as store, Store(asked.folder) as trainer:
        ledger, read = Ledger(store.reader), store.reader.changes

        def changes():
            seen = read()
            labels = Labels.from_answers({"pool-11": len(ledger.given["ann"]) % 3})
            trainer.tell(labels, "ann", 1.0)
            return seen

        store.tell(Labels.from_answers({"pool-10": 1}), "ann", 1.0)
        monkeypatch.setattr(store.reader, "changes", changes)
        ledger.refresh()
        ledger.refresh()
        ids = [answer.id for answer in ledger.given["ann"]]
    assert ids == sorted(set(ids)) and len(ids) == 4 + 3


def test_nothing_is_read_if_nothing_changed(asked):
    with Store(asked.folder) as store:
        ledger = Ledger(store.reader)
        statements = []
        connection: sqlite3.Connection = store.reader._connection
        connection.set_trace_callback(statements.append)
        ledger.refresh()
    assert len(statements) == 1
