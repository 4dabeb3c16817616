"""What counts in a mean."""

import dataclasses

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments.figure2 import EXPERIMENT
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.groups import curves_by_name, groups_of
from dbal_tf.experiments.outcome import Outcome


def _curve(*errors):
    return [
        CurvePoint(i, 20 + 10 * i, Evaluation(e, 0, 0, 0, e / 2, 0), 2.5, {})
        for i, e in enumerate(errors)
    ]


@pytest.fixture
def results():
    """Runs of bald, three repetitions of two rounds, none of which has begun."""
    config = Config(experiment="figure2", acquisition=("bald",), rounds=2, repetitions=3)
    return [Result(cell, None) for cell in cells(EXPERIMENT, config)]


def _with(results, **curves):
    """Results with the Bayesian runs r0, r1 and r2 begun."""
    records = {
        f"mc_dropout/bald/{name[1]}": Outcome(curve, {}, "", "")
        for name, curve in curves.items()
    }
    return [dataclasses.replace(r, record=records.get(r.cell.path)) for r in results]


def test_what_has_not_begun_is_in_no_group(results):
    assert groups_of(results) == []
    assert groups_of(_with(results, r0=[])) == []


def test_unfinished_repetitions_count_while_none_is_finished(results):
    [group] = groups_of(_with(results, r0=_curve(0.4), r2=_curve(0.2, 0.1)))
    assert (group.name, group.acquisition, group.variant.folder) == (
        *("Bayesian, bald", "bald", "mc_dropout"),
    )
    assert group.line.repetitions == (0, 2)
    assert group.line.labels_p.tolist() == [20]
    assert group.last == 40


def test_then_only_the_finished_ones_count(results):
    begun = _with(results, r0=_curve(0.4), r1=_curve(0.4, 0.3, 0.1), r2=_curve(0.2, 0.1))
    [group] = groups_of(begun)
    assert group.line.repetitions == (1,)
    assert group.line.errors_rp.tolist() == [[0.4, 0.3, 0.1]]
    assert group.deterministic.errors_rp.tolist() == [[0.2, 0.15, 0.05]]


def test_curves_are_kept_by_variant_and_technique(results):
    begun = _with(results, r0=_curve(0.4), r2=_curve(0.2, 0.1))
    assert curves_by_name(begun) == {"Bayesian, bald": [_curve(0.4), _curve(0.2, 0.1)]}


def test_a_run_on_a_graph_has_a_line_for_each_classifier(results):
    curve = [
        dataclasses.replace(
            point,
            evaluation=dataclasses.replace(
                point.evaluation, graph_error=0.05, graph_mass_error=0.04
            ),
        )
        for point in _curve(0.4, 0.3, 0.1)
    ]
    network, harmonic, masses = groups_of(_with(results, r0=curve))
    assert network.line.errors_rp.tolist() == [[0.4, 0.3, 0.1]]
    assert harmonic.name == "Bayesian, bald, harmonic"
    assert harmonic.line.errors_rp.tolist() == [[0.05] * 3]
    assert masses.line.errors_rp.tolist() == masses.deterministic.errors_rp.tolist()
    assert [p.evaluation.error for p in masses.curves[0]] == [0.04] * 3
