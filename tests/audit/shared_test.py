import dataclasses
import math

from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.shared import asked_in, labels_of_model, recorded_since, technique


def test_a_model_learnt_from_what_was_labelled_before_it(finished_run):
    facts = read_facts(finished_run)
    assert labels_of_model(facts, 0).ids.tolist() == ["train-0", "train-1", "train-2"]
    assert labels_of_model(facts, 1).classes.tolist() == [0, 1, 2, 1, 2]
    skipped = [
        dataclasses.replace(row, state="skipped") if row.item == "train-5" else row
        for row in facts.labels
    ]
    without = dataclasses.replace(facts, labels=skipped)
    assert labels_of_model(without, 1).ids.tolist()[3:] == ["train-6"]


def test_what_a_round_asked_for(finished_run):
    facts = read_facts(finished_run)
    assert [row.item for row in asked_in(facts, 1)] == ["train-7", "train-8"]
    assert len(asked_in(facts, None)) == 3
    assert asked_in(facts, 2) == []
    assert technique(facts) == "bald"


def test_what_is_recorded_is_so_from_a_round_on(finished_run, as_older):
    facts = read_facts(finished_run)
    older = as_older(facts)
    assert (recorded_since(facts), recorded_since(older)) == (0, math.inf)
    since_1 = [*older.rounds[:1], *facts.rounds[1:]]
    assert recorded_since(dataclasses.replace(older, rounds=since_1)) == 1
