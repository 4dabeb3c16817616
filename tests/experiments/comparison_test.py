"""The comparing tables of a report, worked out by hand."""

import dataclasses

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


def _groups(experiment=EXPERIMENT, config=CONFIG, **errors):
    """Groups of the repetitions' curves by technique."""
    config = config.replace(acquisition=tuple(errors), repetitions=3)
    start, step = 10 * config.initial_per_class, config.acquisition_size
    results = []
    for cell in cells(experiment, config, lambda: 10):
        of_name = errors[cell.acquisition]
        if cell.config.repetition < len(of_name) and not cell.path.startswith(
            ("authors", "as_released")
        ):
            curve = [
                CurvePoint(i, start + i * step, Evaluation(e, 0, 0, 0, e + 0.01, 0), 2.5, {})
                for i, e in enumerate(of_name[cell.config.repetition])
            ]
            results.append(Result(cell, Outcome(curve, {}, "", "")))
    return group_results(results)


def test_the_summary():
    table = comparison.summary(EXPERIMENT, _groups(random=RANDOM, bald=((0.4, 0.2),)))
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
    assert [bool(comparison.comparable(CONFIG, group)) for group in groups] == [
        *(True, False, False)
    ]


def test_labels_saved_against_random():
    table = comparison.saved(
        EXPERIMENT,
        _groups(random=RANDOM, bald=((0.4, 0.09, 0.09, 0.04, 0.04),) * 2, mean_std=RANDOM[:1]),
    )
    assert table.rows == [
        # Random needs 320 and 420 labels; its draws 220 or 320 and 420 labels.
        ["bald", "200 of 320 [100 to 200]", "100 of 420 [100 to 100]", "100 of 420"],
        # Of the one repetition that both have: random reaches 10 % at 220, 5 % at 420.
        ["mean_std", "0 of 220", "0 of 420", "0 of 420"],
    ]
    assert "95 % bootstrap" in table.notes[0]


def test_random_need_not_reach_the_error():
    curves = {"random": ((0.4, 0.3, 0.2, 0.15, 0.08),), "bald": ((0.4, 0.3, 0.05, 0.05, 0.05),)}
    table = comparison.saved(EXPERIMENT, _groups(**curves))
    assert table.rows == [["bald", "200 of 420", "> 200 of > 420", "200 of 420"]]


def test_random_under_way_is_no_baseline_and_not_past_reaching():
    groups = _groups(random=((0.4, 0.3),), bald=((0.4, 0.09, 0.09, 0.04, 0.04),))
    assert comparison.saved(EXPERIMENT, groups).rows == [["bald", "-", "-", "-"]]
    rows = comparison.against_paper(CONFIG, groups).rows
    assert {row[-1] for row in rows if row[0] == "random"} == {"not finished"}


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
    table = comparison.summary(TABLE1, groups)
    column = table.header.index("mean error, 100 to 120")
    assert [row[column] for row in table.rows] == ["20.00", "30.00"]


def test_other_classes_are_not_compared_with_the_paper():
    groups = _groups(bald=((0.4, 0.09, 0.09, 0.04, 0.04),))
    assert comparison.against_paper(CONFIG, groups).rows
    assert not comparison.against_paper(CONFIG.replace(classes=("3", "8")), groups).rows


def test_a_variant_is_compared_with_its_own_random():
    config = Config(experiment="table1", acquisition=("bald", "random"), initial_per_class=10)
    first, _, _, last, *_ = cells(TABLE1, config.replace(rounds=20), lambda: 10)
    curve = [
        CurvePoint(i, 100 + 10 * i, Evaluation(0.02, 0, 0, 0, 0.03, 0), 2.5, {}) for i in (0, 1)
    ]
    groups = group_results([Result(cell, Outcome(curve, {}, "", "")) for cell in (first, last)])
    assert [group.name for group in groups] == ["start 20, bald", "start 100, random"]
    assert comparison.saved(TABLE1, groups).rows == []


def test_without_random_nothing_is_saved():
    assert comparison.saved(EXPERIMENT, _groups(bald=RANDOM)).rows == []


def test_differences_within_repetitions():
    groups = _groups(
        random=RANDOM, bald=((0.4, 0.1, 0.1, 0.1, 0.02), (0.4, 0.1, 0.1, 0.1, 0.04))
    )
    random, bald = groups
    table = comparison.differences([[bald, random], [bald]])
    assert table.rows == [["bald - random", "420", "2", "-1.00", "-3.00 to +1.00"]]


def test_a_difference_that_cannot_be_taken_is_left_out():
    assert comparison.differences([_groups(random=RANDOM, bald=((0.4, 0.1),))]).rows == []


def _curve_through(to_10, to_5, end):
    counts = range(20, 1001, 10)
    return tuple(0.2 if n < to_10 else 0.09 if n < to_5 else end for n in counts)


def test_ours_beside_the_papers():
    config = CONFIG.replace(acquisition_size=10, rounds=98)
    errors = {
        "var_ratios": (_curve_through(160, 380, 0.0094),),
        "bald": (_curve_through(230, 420, 0.0049),),
        "mean_std": (_curve_through(100, 300, 0.008),),
    }
    table = comparison.against_paper(config, _groups(config=config, **errors))
    assert table.rows == [
        ["var_ratios", "labels to 10 %", "160", "160", "180", "-20", "no, better"],
        ["var_ratios", "labels to 5 %", "380", "380", "340", "+40", "no, worse"],
        ["var_ratios", "error (%) at 1000", "0.94", "1.94", "1.64", "+0.30", "yes"],
        ["bald", "labels to 10 %", "230", "230", "250", "-20", "yes"],
        ["bald", "labels to 5 %", "420", "420", "370", "+50", "no, worse"],
        ["bald", "error (%) at 1000", "0.49", "1.49", "1.80", "-0.31", "no, better"],
        ["mean_std", "labels to 10 %", "100", "100", "280", "-180", "not a target"],
        ["mean_std", "labels to 5 %", "300", "300", "690", "-390", "not a target"],
        ["mean_std", "error (%) at 1000", "0.80", "1.80", "4.13", "-2.33", "not a target"],
    ]
    assert "0.3 points of error" in table.notes[0]
    assert table.notes[1].startswith("Not a target: the authors' Mean STD is of one pass")


def test_what_is_not_reached_is_said():
    rows = comparison.against_paper(CONFIG, _groups(bald=RANDOM[1:])).rows
    assert rows == [
        ["bald", "labels to 10 %", "320", "320", "250", "+70", "yes"],
        ["bald", "labels to 5 %", "420", "420", "370", "+50", "yes"],
        ["bald", "error (%) at 1000", "-", "-", "1.80", "-", "not reached"],
    ]


def test_table_1_counts_what_was_bought():
    config = CONFIG.replace(experiment="table1", acquisition_size=10, rounds=98)
    groups = _groups(TABLE1, config, bald=(_curve_through(170, 360, 0.0194),))
    assert comparison.against_paper(config, groups).rows == [
        ["start 20, bald", "bought to 10 %", "150", "150", "145", "+5", "other protocol"],
        ["start 20, bald", "bought to 5 %", "340", "340", "335", "+5", "other protocol"],
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
    assert comparison.against_paper(config, groups).rows[0][3:] == [
        *("195", "165", "+30", "no, worse"),
    ]
    curve[38] = dataclasses.replace(curve[38], evaluation=Evaluation(0.2, 0, 0, 0, 0.09, 0))
    assert curve[38].labels == 290
    curve[37] = dataclasses.replace(curve[37], evaluation=Evaluation(0.2, 0, 0, 0, 0.09, 0))
    groups = group_results([Result(cell, Outcome(curve, {}, "", ""))])
    assert comparison.against_paper(config, groups).rows[0][3:] == [
        *("185", "165", "+20", "yes"),
    ]


def test_other_data_are_not_compared_with_the_paper():
    config = CONFIG.replace(dataset="digits")
    assert comparison.against_paper(config, _groups(config=config, bald=RANDOM)).rows == []


@pytest.mark.parametrize(
    ("difference", "word"),
    [(0.3, "yes"), (-0.3, "yes"), (0.31, "no, worse"), (-0.31, "no, better"), (0.0, "yes")],
)
def test_the_verdict_names_the_side(difference, word):
    assert comparison.verdict(difference, 0.3) == word


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
    table = comparison.authors_errors(FIGURE3, config, groups)
    assert table.header[2:] == ["at 20", "at 60", "at 100", "at 300", "at 500"]
    assert table.rows[:2] == [
        ["random", "ours", "2.00", "2.00", "2.00", "2.00", "2.00"],
        ["random", "theirs", "-", "-", "48.55", "2.27", "1.50"],
    ]
    assert [row[0] for row in table.rows[2:]] == ["near images, mbr"] * 2
    saved = comparison.saved(FIGURE3, groups)
    assert [row[0] for row in saved.rows] == [
        group.name for group in groups[1:] if group.is_network
    ]
    three = config.replace(classes=("3", "8"))
    assert not comparison.authors_errors(FIGURE3, three, groups).rows
    digits = config.replace(dataset="digits")
    assert not comparison.authors_errors(FIGURE3, digits, groups).rows
