import dataclasses
import math

import numpy as np
import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.labelling.progress import Progress, interval
from dbal_tf.store.writer import Store


def test_the_budget_is_in_labels(asked):
    with Store(asked.folder) as store:
        store.tell(Labels.from_answers({"pool-10": 1, "pool-11": "skipped"}), "ann", 4.0)
        store.tell(Labels.from_answers({"pool-00": 1, "test-2": "unsure"}), "ann", 4.0)
        summary = Progress(Ledger(store.reader)).summary()
    assert summary["budget"] == {
        # Two at the start, and three rounds of four.
        "spent": 3,
        "left": 2 + 3 * 4 - 3,
        "start": 2,
        "test": 2,
        "of_test": 6,
        "validation": 0,
        "of_validation": 0,
        "corrections": 1,
        "skipped": 1,
        "unsure": 1,
    }
    assert summary["advice"] is None


def test_labels_given_to_the_reserve_come_on_top(asked):
    with Store(asked.folder) as store:
        ledger = Ledger(store.reader)
        pending, reserve = ledger.open()
        assert Progress(ledger).summary()["budget"]["left"] == 3 * 4
        store.tell(Labels.from_answers(dict.fromkeys([*pending, *reserve], 1)), "ann", 1.0)
        ledger.refresh()
        assert Progress(ledger).summary()["budget"]["left"] == 2 * 4


@pytest.mark.parametrize("answer", ["skipped", "unsure"])
def test_of_the_start_only_what_is_labelled_or_open_counts(made, answer):
    with Store(made.folder) as store:
        progress = Progress(ledger := Ledger(store.reader))

        def left():
            ledger.refresh()
            return progress.summary()["budget"]["left"]

        assert left() == 2 + 3 * 4
        store.tell(Labels.from_answers({"pool-00": answer}), "ann", 1.0)
        assert left() == 1 + 3 * 4
        store.tell(Labels.from_answers({"pool-01": 1, "test-0": 2}), "ann", 1.0)
        assert left() == 3 * 4


def test_the_speed_is_that_of_the_answers(asked):
    with Store(asked.folder) as store:
        ledger = Ledger(store.reader)
        # The four of the start took a second each.
        assert Progress(ledger).summary()["labels_per_hour"] == 3600.0
        for _ in range(60):
            store.tell(Labels.from_answers({"pool-10": 1}), "ann", 9.0)
        ledger.refresh()
        assert Progress(ledger).summary()["labels_per_hour"] == 400.0


def test_without_answers_there_is_no_speed(made):
    with Store(made.folder) as store:
        assert Progress(Ledger(store.reader)).summary()["labels_per_hour"] is None


def test_advice_comes_with_the_fourth_point(asked):
    for index in range(1, 4):
        with Store(asked.folder) as store:
            ledger = Ledger(store.reader)
            assert Progress(ledger).summary()["advice"] is None
            store.tell(Labels.from_answers(dict.fromkeys(ledger.open()[0], 0)), "ann", 1.0)
        asked.ask(index, [f"pool-{n}" for n in range(14 + 4 * index, 18 + 4 * index)])
    with Store(asked.folder) as store:
        assert "more labels" in Progress(Ledger(store.reader)).summary()["advice"]


def test_rounds_whose_error_is_not_known_are_left_out(asked, monkeypatch):
    with Store(asked.folder) as store:
        ledger = Ledger(store.reader)
        (point,) = store.reader.curve()
        unknown = dataclasses.replace(
            point, evaluation=dataclasses.replace(point.evaluation, error=math.nan)
        )
        monkeypatch.setattr(
            type(store.reader), "curve", lambda self: [unknown, unknown, unknown, point]
        )
        progress = Progress(ledger)
        assert progress.summary()["advice"] is None
        assert progress.curve()["labels"] == [point.labels]


@pytest.mark.parametrize(
    "wrong, items, low, high",
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (1, 1, 0.2065, 1)],
)
def test_wilsons_interval(wrong, items, low, high):
    found = interval(np.array([wrong / items]), np.array([items]))
    np.testing.assert_allclose(np.array(found)[:, 0], [low, high], atol=1e-4)
