"""Answers are to what was asked; every other one is refused in a sentence."""

import numpy as np
import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.core import InputError
from dbal_tf.store.answers import check_answers
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

# Round 1 of the run asked for train-7 and train-8, with train-9 behind them.


@pytest.fixture
def reader(finished_run):
    return RunReader.open(finished_run)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"train-7": 0},
        {"train-8": 2, "train-7": "skipped"},
        {"train-9": "unsure"},
        {"train-0": 1, "train-5": "unsure"},
    ],
    ids=["none", "some", "all", "of the reserve", "corrections"],
)
def test_what_was_asked_or_answered_may_be_told(reader, answers):
    check_answers(reader, Labels.from_answers(answers), 3)


@pytest.mark.parametrize("state", ["skipped", "unsure"])
def test_an_answer_without_a_class_needs_none_in_range(reader, state):
    labels = Labels(np.array(["train-7"]), np.array([-1]), np.array([state]))
    check_answers(reader, labels, 3)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (
            Labels.from_answers({"train-7": 1, "train-10": 1}),
            "train-10 was not asked for; expected items of a query, of the test or "
            "validation set, or items that already have an answer, which is then corrected.",
        ),
        (
            Labels.from_answers({"foreign": "skipped"}),
            "foreign was not asked for; expected items of a query, of the test or "
            "validation set, or items that already have an answer, which is then corrected.",
        ),
        (
            Labels(np.array(["train-7", "train-8", "train-7"]), np.array([1, 1, 1])),
            "train-7 is given 2 times; expected one answer to each item.",
        ),
        (
            Labels(np.array(["train-7"]), np.array([1]), np.array(["guessed"])),
            "The answer for train-7 is 'guessed'; expected one of labelled, skipped, unsure.",
        ),
        (
            Labels.from_answers({"train-8": 3}),
            "The answer for train-8 is class 3; expected 0 to 2.",
        ),
        (
            Labels.from_answers({"train-0": -1}),
            "The answer for train-0 is class -1; expected 0 to 2.",
        ),
    ],
    ids=["a pool item", "of nowhere", "twice", "a state", "too high", "too low"],
)
def test_every_other_answer_is_refused_in_a_sentence(reader, labels, says):
    with pytest.raises(InputError) as error:
        check_answers(reader, labels, 3)
    assert str(error.value) == says


def test_the_reserve_of_an_earlier_round_may_still_be_on_a_page(finished_run):
    with Store(finished_run) as store:
        assert store.reader.last_round() > 1
        check_answers(store.reader, Labels.from_answers({"train-9": 1}), 3)


@pytest.mark.parametrize(
    "item", ["test-0", "train-3"], ids=["of the test set", "of validation"]
)
def test_items_that_nobody_asked_for_may_be_told_if_they_are_not_trained_on(reader, item):
    check_answers(reader, Labels.from_answers({item: 1}), 3)


def test_before_anything_is_asked_nothing_can_be_told(tmp_path):
    with Store(tmp_path) as store:
        initial = Labels.from_answers({"train-0": 1})
        store.start(RunRecord("", "", {}, ("low", "high")), initial, "dataset", {})
        with pytest.raises(InputError) as error:
            check_answers(store.reader, initial, 2)
    assert str(error.value) == ("The run has asked for nothing yet; call ask() before tell().")
