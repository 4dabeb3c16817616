"""Ours beside the published results, worked out by hand."""

import dataclasses

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments import against_paper
from dbal_tf.experiments.figure1 import EXPERIMENT
from dbal_tf.experiments.figure3 import EXPERIMENT as FIGURE3
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.groups import group_results
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.experiments.table1 import EXPERIMENT as TABLE1

# 20, 120, 220, ... labels.
CONFIG = Config(experiment="figure1", acquisition_size=100, rounds=4)
ERRORS = (0.4, 0.3, 0.12, 0.061, 0.03)


def test_other_classes_are_not_compared_with_the_paper(make_groups):
    groups = make_groups(bald=((0.4, 0.09, 0.09, 0.04, 0.04),))
    assert against_paper.published_numbers(CONFIG, groups).rows
    assert not against_paper.published_numbers(CONFIG.replace(classes=("3", "8")), groups).rows


def test_other_data_are_not_compared_with_the_paper(make_groups):
    config = CONFIG.replace(dataset="digits")
    assert (
        against_paper.published_numbers(config, make_groups(config=config, bald=(ERRORS,))).rows
        == []
    )


def test_random_under_way_is_not_finished(make_groups):
    rows = against_paper.published_numbers(CONFIG, make_groups(random=((0.4, 0.3),))).rows
    assert {row[-1] for row in rows} == {"not finished"}


def test_only_networks_are_compared():
    config = CONFIG.replace(acquisition=("bald",), rounds=1)
    [cell] = cells(EXPERIMENT, config, pytest.fail)
    evaluation = Evaluation(0.3, 0, 0, 0, 0.2, 0, graph_error=0.05, graph_mass_error=0.04)
    curve = [CurvePoint(i, 20 + 100 * i, evaluation, 2.5, {}) for i in (0, 1)]
    groups = group_results([Result(cell, Outcome(curve, {}, "", ""))])
    assert [bool(against_paper.comparable(CONFIG, group)) for group in groups] == [
        *(True, False, False)
    ]
    assert {row[0] for row in against_paper.published_numbers(CONFIG, groups).rows} == {"bald"}


def _curve_through(to_10, to_5, end):
    counts = range(20, 1001, 10)
    return tuple(0.2 if n < to_10 else 0.09 if n < to_5 else end for n in counts)


def test_ours_beside_the_papers(make_groups):
    config = CONFIG.replace(acquisition_size=10, rounds=98)
    errors = {
        "var_ratios": (_curve_through(160, 380, 0.0094),),
        "bald": (_curve_through(230, 420, 0.0049),),
        "mean_std": (_curve_through(100, 300, 0.008),),
    }
    table = against_paper.published_numbers(config, make_groups(config=config, **errors))
    assert table.rows == [
        ["var_ratios", "labels to 10 %", "160", "160", "180", "-20 ± -", "no, better"],
        ["var_ratios", "labels to 5 %", "380", "380", "340", "+40 ± -", "no, worse"],
        ["var_ratios", "error (%) at 1000", "0.94", "1.94", "1.64", "+0.30 ± -", "yes"],
        ["bald", "labels to 10 %", "230", "230", "250", "-20 ± -", "yes"],
        ["bald", "labels to 5 %", "420", "420", "370", "+50 ± -", "no, worse"],
        ["bald", "error (%) at 1000", "0.49", "1.49", "1.80", "-0.31 ± -", "no, better"],
        ["mean_std", "labels to 10 %", "100", "100", "280", "-180 ± -", "not a target"],
        ["mean_std", "labels to 5 %", "300", "300", "690", "-390 ± -", "not a target"],
        ["mean_std", "error (%) at 1000", "0.80", "1.80", "4.13", "-2.33 ± -", "not a target"],
    ]
    assert "0.3 points of error" in table.notes[0]
    assert table.notes[1].startswith("Not a target: the authors compute Mean STD from one pass")


def test_what_is_not_reached_is_said(make_groups):
    rows = against_paper.published_numbers(CONFIG, make_groups(bald=(ERRORS,))).rows
    assert rows == [
        ["bald", "labels to 10 %", "320", "320", "250", "+70 ± -", "yes"],
        ["bald", "labels to 5 %", "420", "420", "370", "+50 ± -", "yes"],
        ["bald", "error (%) at 1000", "-", "-", "1.80", "-", "not reached"],
    ]


def test_table_1_counts_what_was_bought(make_groups):
    config = CONFIG.replace(experiment="table1", acquisition_size=10, rounds=98)
    groups = make_groups(TABLE1, config, bald=(_curve_through(170, 360, 0.0194),))
    assert against_paper.published_numbers(config, groups).rows == [
        ["start 20, bald", "bought to 10 %", "150", "150", "145", "+5 ± -", "other protocol"],
        ["start 20, bald", "bought to 5 %", "340", "340", "335", "+5 ± -", "other protocol"],
    ]


def test_the_tolerance_counts_the_labels_of_the_start():
    config = CONFIG.replace(experiment="table1", acquisition_size=10, rounds=98)
    [_, variant, *_] = TABLE1.variants
    cell = cells(TABLE1, config.replace(acquisition=("max_entropy",)), lambda: 10)[1]
    assert cell.variant is variant
    curve = [
        CurvePoint(i, n, Evaluation(0.2, 0, 0, 0, 0.2 if n < 291 else 0.09, 0), 2.5, {})
        for i, n in enumerate(range(100, 1001, 5))
    ]
    groups = group_results([Result(cell, Outcome(curve, {}, "", ""))])
    # 10 % of 165 bought and 100 at the start.
    assert against_paper.published_numbers(config, groups).rows[0][3:] == [
        *("195", "165", "+30 ± -", "no, worse"),
    ]
    curve[38] = dataclasses.replace(curve[38], evaluation=Evaluation(0.2, 0, 0, 0, 0.09, 0))
    assert curve[38].labels == 290
    curve[37] = dataclasses.replace(curve[37], evaluation=Evaluation(0.2, 0, 0, 0, 0.09, 0))
    groups = group_results([Result(cell, Outcome(curve, {}, "", ""))])
    assert against_paper.published_numbers(config, groups).rows[0][3:] == [
        *("185", "165", "+20 ± -", "yes"),
    ]


@pytest.mark.parametrize(
    ("difference", "word"),
    [(0.3, "yes"), (-0.3, "yes"), (0.31, "no, worse"), (-0.31, "no, better"), (0.0, "yes")],
)
def test_the_verdict_names_the_side(difference, word):
    assert against_paper.verdict(difference, 0.3) == word


def test_the_authors_errors_stand_beside_ours():
    config = Config(
        experiment="figure3", acquisition=("random", "mbr"), rounds=48, initial_per_class=10,
        classes=("2", "8"),
    )  # fmt: skip
    results = []
    for cell in cells(FIGURE3, config, lambda: 10):
        curve = [
            CurvePoint(i, 20 + 10 * i, Evaluation(0.02, 0, 0, 0, 0.03, 0), 2.5, {})
            for i in range(49)
        ]
        results.append(Result(cell, Outcome(curve, {}, "", "")))
    groups = group_results(results)
    table = against_paper.authors_errors(FIGURE3, config, groups)
    assert table.header[2:] == ["at 20", "at 60", "at 100", "at 300", "at 500"]
    assert table.rows[:2] == [
        ["random", "ours", "2.00", "2.00", "2.00", "2.00", "2.00"],
        ["random", "theirs", "-", "-", "48.55", "2.27", "1.50"],
    ]
    assert [row[0] for row in table.rows[2:]] == ["near images, mbr"] * 2
    three = config.replace(classes=("3", "8"))
    assert not against_paper.authors_errors(FIGURE3, three, groups).rows
    digits = config.replace(dataset="digits")
    assert not against_paper.authors_errors(FIGURE3, digits, groups).rows


def test_an_interval_of_first_crossings_stands_with_the_mean_that_it_is_of(make_groups):
    config = CONFIG.replace(acquisition_size=10, rounds=98)
    # The mean curve is at 10 % with the last of the three, their own crossings are not.
    curves = tuple(_curve_through(to_10, 600, 0.0094) for to_10 in (240, 250, 320))
    rows = against_paper.published_numbers(config, make_groups(config=config, bald=curves)).rows
    # 240, 250 and 320 less 250: 20 in the mean, deviation 43.6, t of two degrees 4.303.
    assert rows[0][5] == "+70 (own: +20 ± 108)"
    assert rows[1][5] == "+230 ± -"
