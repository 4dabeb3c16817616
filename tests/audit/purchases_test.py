"""What is not recorded is not an error; `corrupt_purchases_test.py` plants errors."""

import dataclasses

import pytest

from dbal_tf.audit import purchases
from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.shared import NotRecorded
from dbal_tf.store.rows import LabelRecord


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
    begun = dataclasses.replace(
        facts,
        rounds=[],
        labels=facts.labels[:3],
        answers=facts.answers[:3],
        asked=[],
        executions=[],
    )
    for one in (
        purchases.rounds_follow_each_other,
        purchases.every_round_has_its_labels,
        purchases.no_id_is_bought_twice,
        purchases.labels_are_as_they_were_learnt,
        purchases.items_are_in_their_split,
        purchases.scores_are_in_range,
    ):
        assert list(one(begun)) == []


def test_an_item_whose_answer_was_withdrawn_may_be_asked_for_again(facts):
    first = next(row for row in facts.asked if row.round == 0)
    label = next(row for row in facts.labels if row.item == first.item)
    answer = next(one for one in facts.answers if one.item == first.item)
    again = dataclasses.replace(
        facts,
        asked=[*facts.asked, dataclasses.replace(first, round=2)],
        labels=[*facts.labels, dataclasses.replace(label, round=2)],
        answers=[*facts.answers, dataclasses.replace(answer, id=98, round=2)],
    )
    assert [line.split(first.item)[1] for line in purchases.no_id_is_bought_twice(again)] == [
        " was bought 2 times",
        ", which already had an answer",
        " does not correct the one before it",
    ]
    taken_back = dataclasses.replace(
        answer, id=97, state="withdrawn", label=None, round=1, corrects=answer.id
    )
    told = dataclasses.replace(answer, id=98, round=2, corrects=97)
    right = dataclasses.replace(again, answers=[*facts.answers, taken_back, told])
    assert list(purchases.no_id_is_bought_twice(right)) == []
    # Taken back after the last round, which was then repeated with more --rounds.
    late = dataclasses.replace(taken_back, round=2)
    right = dataclasses.replace(again, answers=[*facts.answers, late, told])
    assert list(purchases.no_id_is_bought_twice(right)) == []


@pytest.mark.parametrize(
    ("check", "what"),
    [
        (purchases.items_are_in_their_split, "splits"),
        (purchases.labels_are_as_they_were_learnt, "digests of labels"),
    ],
)
def test_published_results_have_no_store(facts, check, what):
    with pytest.raises(NotRecorded, match=what):
        list(check(dataclasses.replace(facts, has_store=False)))


def test_entropies_are_of_bald_and_may_not_be_recorded(facts):
    with pytest.raises(NotRecorded, match="entropies"):
        list(purchases.bald_is_below_entropy(_labels(facts, entropy=None)))
    random = dataclasses.replace(facts, config=facts.config.replace(acquisition=("random",)))
    with pytest.raises(NotRecorded, match="BALD, as the technique is random"):
        list(purchases.bald_is_below_entropy(random))


def _published(facts, states):
    """Facts of published results whose round 1 was answered so, in the order of ranks."""
    asked = [row for row in facts.labels if row.round != 1]
    asked += [
        LabelRecord(f"train-{7 + rank}", 1 if state == "labelled" else None, *rest, state)
        for rank, state in enumerate(states)
        for rest in [(1, rank, 0.5, None)]
    ]
    return dataclasses.replace(facts, has_store=False, labels=asked)


@pytest.mark.parametrize(
    ("states", "right"),
    [
        (("labelled", "labelled"), True),
        (("labelled", "skipped", "labelled"), True),
        (("labelled", "skipped"), False),
        (("labelled",), False),
        (("labelled", "labelled", "labelled"), False),
    ],
)
def test_published_rounds_have_their_labels_whatever_was_skipped(facts, states, right):
    found = list(purchases.every_round_has_its_labels(_published(facts, states)))
    bought = states.count("labelled")
    wrong = [f"round 1 has {bought} labels, expected 2 ranked from 1"]
    assert found == ([] if right else wrong)


def test_published_ranks_have_no_gap(facts):
    of_results = _published(facts, ("labelled", "skipped", "labelled"))
    gap = [row for row in of_results.labels if row.state == "labelled"]
    found = list(
        purchases.every_round_has_its_labels(dataclasses.replace(of_results, labels=gap))
    )
    assert found == ["round 1 has 2 labels, expected 2 ranked from 1"]


@pytest.mark.parametrize(
    ("name", "highest"),
    [
        ("random", 0.0),
        ("bald", 1.0986),
        ("epig", 1.0986),
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


def test_scores_need_not_fall_in_a_batch_that_is_not_top_k(facts):
    swapped = [*facts.labels[:3], facts.labels[4], facts.labels[3], *facts.labels[5:]]
    changed = dataclasses.replace(facts, labels=swapped)
    assert len(list(purchases.scores_are_in_range(changed))) == 1
    for batch in ("stochastic", "batchbald", "diverse"):
        config = facts.config.replace(batch=batch)
        of_batch = dataclasses.replace(changed, config=config)
        assert list(purchases.scores_are_in_range(of_batch)) == []
