"""What is not recorded is not an error; `tests/audit_test.py` plants the errors."""

import dataclasses

import pytest

from dbal_tf.audit import purchases
from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.shared import NotRecorded


@pytest.fixture
def facts(finished_run):
    return read_facts(finished_run)


def _labels(facts, **changes):
    labels = [dataclasses.replace(row, **changes) for row in facts.labels]
    return dataclasses.replace(facts, labels=labels)


def test_an_unfinished_run_is_in_order(facts):
    unfinished = dataclasses.replace(facts, rounds=facts.rounds[:2])
    assert list(purchases.rounds_follow_each_other(unfinished)) == []
    assert list(purchases.every_round_has_its_labels(unfinished)) == []


def test_a_run_without_a_round_is_in_order(facts):
    begun = dataclasses.replace(facts, rounds=[], labels=facts.labels[:3], executions=[])
    for one in (
        purchases.rounds_follow_each_other,
        purchases.every_round_has_its_labels,
        purchases.items_are_in_their_split,
        purchases.scores_are_in_range,
    ):
        assert list(one(begun)) == []


def test_older_runs_did_not_record_everything(facts, as_older):
    older = as_older(facts)
    with pytest.raises(NotRecorded, match="splits"):
        list(purchases.items_are_in_their_split(older))
    with pytest.raises(NotRecorded, match="digests of labels"):
        list(purchases.labels_are_as_they_were_learnt(older))
    with pytest.raises(NotRecorded, match="entropies"):
        list(purchases.bald_is_below_entropy(_labels(facts, entropy=None)))
    with pytest.raises(NotRecorded, match="when labels were withdrawn"):
        list(purchases.labels_are_as_they_were_learnt(_labels(facts, state="withdrawn")))


@pytest.mark.parametrize(
    ("name", "highest"),
    [
        ("random", 0.0),
        ("bald", 1.0986),
        ("max_entropy", 1.0986),
        ("var_ratios", 2 / 3),
        ("mean_std", 0.5),
    ],
)
def test_scores_have_the_range_of_their_technique(facts, name, highest):
    config = facts.config.replace(acquisition=(name,))
    of_name = dataclasses.replace(facts, config=config)
    for score, wrong in ((0.0, 0), (highest, 0), (highest + 0.01, 4), (-0.01, 4), (None, 4)):
        problems = list(purchases.scores_are_in_range(_labels(of_name, score=score)))
        assert len(problems) == wrong, score
