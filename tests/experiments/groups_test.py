"""What counts in a mean."""

import dataclasses

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments.figure2 import EXPERIMENT
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.groups import curves_by_name, group_results
from dbal_tf.experiments.outcome import Outcome


def _curve(*errors):
    return [
        CurvePoint(i, 20 + 10 * i, Evaluation(e, 0, 0, 0, e / 2, 0), 2.5, {})
        for i, e in enumerate(errors)
    ]


def _on_graph(*errors):
    """A curve of mbr: its evaluations have the harmonic solution's errors too."""
    return [
        dataclasses.replace(
            point,
            evaluation=dataclasses.replace(
                point.evaluation, graph_error=0.05, graph_mass_error=0.04
            ),
        )
        for point in _curve(*errors)
    ]


@pytest.fixture
def results():
    """Runs of bald, three repetitions of two rounds, none of which has begun."""
    config = Config(experiment="figure2", acquisition=("bald",), rounds=2, repetitions=3)
    return [Result(cell, None) for cell in cells(EXPERIMENT, config, lambda: 10)]


def _with(results, **curves):
    """Results with the Bayesian runs r0, r1 and r2 begun."""
    records = {
        f"mc_dropout/bald/{name[1]}": Outcome(curve, {}, "", "")
        for name, curve in curves.items()
    }
    return [dataclasses.replace(r, record=records.get(r.cell.path)) for r in results]


def test_what_has_not_begun_is_in_no_group(results):
    assert group_results(results) == []
    assert group_results(_with(results, r0=[])) == []


def test_unfinished_repetitions_count_while_none_is_finished(results):
    [group] = group_results(_with(results, r0=_curve(0.4), r2=_curve(0.2, 0.1)))
    assert (group.name, group.acquisition, group.variant.folder) == (
        *("Bayesian, bald", "bald", "mc_dropout"),
    )
    assert group.line.repetitions == (0, 2)
    assert group.line.labels_p.tolist() == [20]
    assert group.last == 40


def test_then_only_the_finished_ones_count(results):
    begun = _with(results, r0=_curve(0.4), r1=_curve(0.4, 0.3, 0.1), r2=_curve(0.2, 0.1))
    [group] = group_results(begun)
    assert group.line.repetitions == (1,)
    assert group.line.errors_rp.tolist() == [[0.4, 0.3, 0.1]]
    assert group.line_by("deterministic_error").errors_rp.tolist() == [[0.2, 0.15, 0.05]]


def test_what_its_line_took(results):
    begun = _with(results, r0=_curve(0.4, 0.3, 0.1), r1=_curve(0.4, 0.3))
    for curve in (begun[0].curve, begun[2].curve):
        for point in curve:
            point.seconds["train"] = 2.0
            point.seconds["score"] = 0.5
    [group] = group_results(begun)
    assert list(group.counted) == [0]
    assert group.seconds == 3 * 2.5


def test_curves_are_kept_by_variant_and_technique(results):
    begun = _with(results, r0=_curve(0.4), r2=_curve(0.2, 0.1))
    assert curves_by_name(begun) == {"Bayesian, bald": [_curve(0.4), _curve(0.2, 0.1)]}


def test_a_run_on_a_graph_has_a_line_for_each_classifier(results):
    network, harmonic, masses = group_results(_with(results, r0=_on_graph(0.4, 0.3, 0.1)))
    assert network.line.errors_rp.tolist() == [[0.4, 0.3, 0.1]]
    assert harmonic.name == "Bayesian, bald, harmonic"
    assert harmonic.line.errors_rp.tolist() == [[0.05] * 3]
    assert masses.line.errors_rp.tolist() == [[0.04] * 3]
    assert [group.is_network for group in (network, harmonic, masses)] == [True, False, False]


def test_no_measure_stands_under_the_name_of_another(results):
    network, harmonic, masses = group_results(_with(results, r0=_on_graph(0.4, 0.3, 0.1)))
    for group in (network, harmonic, masses):
        dropout_off = group.line_by("deterministic_error")
        assert dropout_off.errors_rp.tolist() == [[0.2, 0.15, 0.05]]
    assert harmonic.counted == masses.counted == {0: _on_graph(0.4, 0.3, 0.1)}


def test_the_curves_of_a_graph_are_those_of_its_runs(results):
    begun = _with(results, r0=_on_graph(0.4, 0.3))
    assert curves_by_name(begun) == {"Bayesian, bald": [_on_graph(0.4, 0.3)]}
