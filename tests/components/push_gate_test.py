import dataclasses
import math

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.components.push_gate import PushGate

_GATE = PushGate(rounds=9, export_every=2, bless_max_error=0.2)


def _evaluation(error, blessed=None):
    return Evaluation(error, 0.0, 0.0, 0.0, 0.0, 0.0, blessed=blessed)


def _curve(*verdicts):
    return [CurvePoint(i, i, _evaluation(*each), 0.0, {}) for i, each in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("error", "before", "refusal"),
    [
        (0.1, [], None),
        (0.2, [], None),
        (0.21, [], "its test error of 21.00% is above --bless_max_error=0.2"),
        (0.14, [(0.15, True), (0.1, False), (0.05, None)], None),
        (0.12, [(0.15, True), (0.12, True)], "... 12.00% is not below the last one's 12.00%"),
        (0.13, [(0.12, True), (0.5, None)], "... 13.00% is not below the last one's 12.00%"),
        (math.nan, [], "... is not known, as no test image has a known class"),
    ],
)
def test_a_model_is_blessed_below_the_threshold_and_the_last_one(error, before, refusal):
    found = _GATE.run(_evaluation(error), _curve(*before), 4)
    sentence = ""
    if refusal:
        clause = refusal.replace("... is", "its test error is")
        clause = clause.replace("...", "its test error of")
        sentence = f"Round 4 is not exported: {clause}."
    assert found == (_evaluation(error, blessed=not refusal), not refusal, sentence)


def test_the_last_model_is_pushed_though_it_is_not_blessed():
    evaluation, wanted, sentence = _GATE.run(_evaluation(0.5), [], 9)
    assert (evaluation.blessed, wanted) == (False, True)
    assert sentence == (
        "Round 9 is exported as the last, but not blessed: its test error of 50.00% is above "
        "--bless_max_error=0.2."
    )
    assert _GATE.run(_evaluation(0.1), [], 9) == (_evaluation(0.1, True), True, "")


@pytest.mark.parametrize(
    ("export_every", "pushed"),
    [(0, [9]), (1, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (2, [2, 4, 6, 8, 9]), (20, [9]), (-1, [])],
)
def test_a_model_that_is_not_due_is_not_asked_for_its_error(export_every, pushed):
    gate = dataclasses.replace(_GATE, export_every=export_every)
    found = {index: gate.run(_evaluation(0.1), [], index) for index in range(10)}
    assert [index for index, (_, wanted, _) in found.items() if wanted] == pushed
    assert [index for index, (one, _, _) in found.items() if one.blessed] == pushed
    assert not any(sentence for _, _, sentence in found.values())


def test_the_model_of_a_pool_that_is_used_up_is_the_last() -> None:
    assert _GATE.run(_evaluation(0.1), [], 5, is_last=True)[1]
    gate = dataclasses.replace(_GATE, export_every=-1)
    assert not gate.run(_evaluation(0.1), [], 5, is_last=True)[1]


def test_without_a_threshold_every_model_that_is_due_is_pushed_unblessed():
    gate = dataclasses.replace(_GATE, bless_max_error=0.0)
    found = [gate.run(_evaluation(0.9), _curve((0.1, True)), index) for index in range(10)]
    assert [wanted for _, wanted, _ in found] == [i in (2, 4, 6, 8, 9) for i in range(10)]
    assert {(one.blessed, sentence) for one, _, sentence in found} == {(None, "")}


def test_a_run_of_no_rounds_pushes_its_only_model():
    assert PushGate(rounds=0, export_every=0).run(_evaluation(0.9), [], 0)[1]
