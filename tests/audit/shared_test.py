import dataclasses

import pytest

from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.shared import (
    NotRecorded,
    asked_in,
    is_waiting,
    labels_of_model,
    needs_store,
    technique,
)


def test_a_model_learnt_from_what_was_labelled_before_it(finished_run):
    facts = read_facts(finished_run)
    assert labels_of_model(facts, 0).ids.tolist() == ["train-0", "train-1", "train-2"]
    assert labels_of_model(facts, 1).classes.tolist() == [0, 1, 2, 1, 2]
    skipped = [
        dataclasses.replace(row, state="skipped") if row.item == "train-5" else row
        for row in facts.answers
    ]
    without = dataclasses.replace(facts, answers=skipped)
    assert labels_of_model(without, 1).ids.tolist()[3:] == ["train-6"]


def test_what_a_round_asked_for(finished_run):
    facts = read_facts(finished_run)
    assert [row.item for row in asked_in(facts, 1)] == ["train-7", "train-8"]
    assert len(asked_in(facts, None)) == 3
    assert asked_in(facts, 2) == []
    assert technique(facts) == "bald"


def test_only_the_last_round_of_a_store_may_wait(finished_run):
    facts = read_facts(finished_run)
    assert [is_waiting(facts, index) for index in range(4)] == [False, False, True, False]
    assert not is_waiting(dataclasses.replace(facts, rounds=[]), 0)
    assert not is_waiting(dataclasses.replace(facts, has_store=False), 2)


def test_what_needs_a_store_says_so(finished_run):
    facts = read_facts(finished_run)
    needs_store(facts, "seeds")
    with pytest.raises(NotRecorded, match="seeds"):
        needs_store(dataclasses.replace(facts, has_store=False), "seeds")
