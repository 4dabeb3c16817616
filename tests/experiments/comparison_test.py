"""The tables that compare techniques with each other, worked out by hand."""

import dataclasses

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments import comparison
from dbal_tf.experiments.figure1 import EXPERIMENT
from dbal_tf.experiments.figure3 import EXPERIMENT as FIGURE3
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.groups import group_results
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.experiments.table1 import EXPERIMENT as TABLE1

# 20, 120, 220, ... labels.
CONFIG = Config(experiment="figure1", acquisition_size=100, rounds=4)
RANDOM = ((0.4, 0.2, 0.1, 0.083, 0.05), (0.4, 0.3, 0.12, 0.061, 0.03))


def test_the_summary(make_groups):
    table = comparison.summary(EXPERIMENT, make_groups(random=RANDOM, bald=((0.4, 0.2),)))
    assert table.header == [
        *("technique", "runs", "error at 100", "error at 300", "error at 420"),
        *("first ≤ 10 %", "first ≤ 5 %", "mean error, 20 to 420"),
        "at the end, dropout off",
    ]
    assert table.rows == [
        [
            *("random", "2", "40.00 (40.00 to 40.00)", "11.00 (10.00 to 12.00)"),
            # Mean curve: 0.4 0.25 0.11 0.072 0.04.
            *("4.00 (3.00 to 5.00)", "320 (220 to 320)", "420 (420 to 420)"),
            # (0.4 + 0.05) / 8 + (0.2 + 0.1 + 0.083) / 4 and the like.
            *("16.30 (15.20 to 17.40)", "5.00 (4.00 to 6.00)"),
        ],
        ["bald", "1", "40.00", "-", "-", "-", "-", "-", "-"],
    ]


def _graph_point(index, labels):
    evaluation = Evaluation(*(0.3, 0, 0, 0, 0.2, 0), graph_error=0.05, graph_mass_error=0.04)
    return CurvePoint(index, labels, evaluation, 2.5, {})


def test_the_harmonic_solution_has_no_error_without_dropout():
    config = CONFIG.replace(acquisition=("mbr",), rounds=1)
    [cell] = cells(EXPERIMENT, config, pytest.fail)
    curve = [_graph_point(0, 20), _graph_point(1, 120)]
    groups = group_results([Result(cell, Outcome(curve, {}, "", ""))])
    rows = comparison.summary(EXPERIMENT, groups).rows
    assert [(row[0], row[3], row[-1]) for row in rows] == [
        ("mbr", "30.00", "20.00"),
        ("mbr, harmonic", "5.00", "-"),
        ("mbr, class masses", "4.00", "-"),
    ]


def test_the_harmonic_solution_saves_no_labels_against_a_network():
    config = Config(
        experiment="figure3", acquisition=("random", "mbr"), rounds=1, initial_per_class=10
    )
    results = [
        Result(cell, Outcome([_graph_point(0, 20), _graph_point(1, 30)], {}, "", ""))
        for cell in cells(FIGURE3, config, pytest.fail)
    ]
    rows = comparison.saved(FIGURE3, group_results(results)).rows
    assert [row[0] for row in rows] == [
        *("near images, mbr", "all, scale 1, mbr", "all, scale 2, mbr")
    ]


def test_labels_saved_against_random(make_groups):
    table = comparison.saved(
        EXPERIMENT,
        make_groups(
            random=RANDOM, bald=((0.4, 0.09, 0.09, 0.04, 0.04),) * 2, mean_std=RANDOM[:1]
        ),
    )
    assert table.rows == [
        # The mean of random needs 320 and 420 labels; its repetitions 220 and 320 until
        # 10 %, and 420 and 420 until 5 %. Saved: 100 and 200, with t = 12.706.
        ["bald", "200 of 320 (150 ± 635)", "100 of 420 (100 ± -)", "100 of 420"],
        # Of the one repetition that both have: random reaches 10 % at 220, 5 % at 420.
        ["mean_std", "0 of 220 (0 ± -)", "0 of 420 (0 ± -)", "0 of 420 (0 ± -)"],
    ]
    assert "95 % t interval" in table.notes[0]
    assert "± -: there is only one pair" in table.notes[0]


def test_random_need_not_reach_the_error(make_groups):
    curves = {"random": ((0.4, 0.3, 0.2, 0.15, 0.08),), "bald": ((0.4, 0.3, 0.05, 0.05, 0.05),)}
    table = comparison.saved(EXPERIMENT, make_groups(**curves))
    assert table.rows == [
        ["bald", "200 of 420 (200 ± -)", "> 200 of > 420", "200 of 420 (200 ± -)"]
    ]


def test_random_under_way_is_no_baseline_and_not_past_reaching(make_groups):
    groups = make_groups(random=((0.4, 0.3),), bald=((0.4, 0.09, 0.09, 0.04, 0.04),))
    assert comparison.saved(EXPERIMENT, groups).rows == [["bald", "-", "-", "-"]]


def test_areas_are_compared_over_the_labels_that_all_have():
    config = Config(experiment="table1", acquisition=("bald",), rounds=5, acquisition_size=20)
    ours, authors, _ = cells(TABLE1, config, lambda: 10)

    def of(cell, labels, errors):
        curve = [
            CurvePoint(i, n, Evaluation(e, 0, 0, 0, e, 0), 2.5, {})
            for i, (n, e) in enumerate(zip(labels, errors, strict=True))
        ]
        return Result(cell, Outcome(curve, {}, "", ""))

    groups = group_results(
        [of(ours, (20, 100, 120), (0.8, 0.2, 0.2)), of(authors, (100, 120), (0.4, 0.2))]
    )
    table = comparison.summary(dataclasses.replace(TABLE1, mean_over=None), groups)
    column = table.header.index("mean error, 100 to 120")
    assert [row[column] for row in table.rows] == ["20.00", "30.00"]


def test_a_variant_is_compared_with_its_own_random():
    config = Config(experiment="table1", acquisition=("bald", "random"), initial_per_class=10)
    first, _, _, last, *_ = cells(TABLE1, config.replace(rounds=20), lambda: 10)
    curve = [
        CurvePoint(i, 100 + 10 * i, Evaluation(0.02, 0, 0, 0, 0.03, 0), 2.5, {}) for i in (0, 1)
    ]
    groups = group_results([Result(cell, Outcome(curve, {}, "", "")) for cell in (first, last)])
    assert [group.name for group in groups] == ["start 20, bald", "start 100, random"]
    assert comparison.saved(TABLE1, groups).rows == []


def test_without_random_nothing_is_saved(make_groups):
    assert comparison.saved(EXPERIMENT, make_groups(bald=RANDOM)).rows == []


def test_mean_errors_are_taken_over_the_labels_that_the_experiment_names(make_groups):
    groups = make_groups(bald=((0.4, 0.2, 0.2, 0.2, 0.2),))
    assert comparison.mean_range(EXPERIMENT, groups) == (20, 420)
    experiment = dataclasses.replace(EXPERIMENT, mean_over=(120, 320))
    table = comparison.summary(experiment, groups)
    assert table.rows[0][table.header.index("mean error, 120 to 320")] == "20.00"


def test_a_mean_with_its_interval():
    assert comparison.with_interval(np.array([-1.0, -3.0]), "+.2f") == "-2.00 ± 12.71"
    assert comparison.with_interval(np.array([0.5]), "+.2f") == "+0.50 ± -"
    assert comparison.with_interval(np.array([]), "+.2f") == "-"
    assert comparison.with_interval(np.array([-30, -30, -30]), "+.0f") == "-30 ± -"
    assert np.std([0.1, 0.1, 0.1]) > 0, "by rounding"
    assert comparison.with_interval(np.array([0.1, 0.1, 0.1]), "+.2f") == "+0.10 ± -"
    # 1 + 3 / 4 times the variance: three runs, each tested on a fifth of the images.
    assert comparison.with_interval(np.array([0.0, 1.0, 2.0]), ".3f") == "1.000 ± 2.484"
    assert comparison.with_interval(np.array([0.0, 1.0, 2.0]), ".3f", 1 / 4) == "1.000 ± 3.286"
