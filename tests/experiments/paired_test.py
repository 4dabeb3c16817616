"""What is chance, worked out by hand."""

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments import paired
from dbal_tf.experiments.figure1 import EXPERIMENT
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.groups import group_results
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.experiments.table1 import EXPERIMENT as TABLE1

# At 20, 120, 220, 320 and 420 labels.
RANDOM = ((0.4, 0.2, 0.1, 0.083, 0.05), (0.4, 0.3, 0.12, 0.061, 0.03))
BALD = ((0.4, 0.1, 0.1, 0.1, 0.02), (0.4, 0.1, 0.1, 0.1, 0.04))


def test_differences_within_repetitions(make_groups):
    random, bald = make_groups(random=RANDOM, bald=BALD)
    table = paired.differences(EXPERIMENT, [[bald, random], [bald]])
    assert table.header == [
        *("difference", "pairs", "error at 100", "error at 300", "error at 420"),
        *("mean error, 20 to 420", "labels to 10 %", "labels to 5 %"),
    ]
    [row] = table.rows
    # Areas 12.75 and 15.2; 13.0 and 17.4: -2.45 and -4.4, so -3.425.
    assert row.pop(5) in ("-3.42 ± 12.39", "-3.43 ± 12.39")
    assert row == [
        *("bald - random", "2"),
        # -3 and +1 points at the end: half of the interval is 12.706 * 2.
        *("+0.00 ± -", "-1.00 ± 12.71", "-1.00 ± 25.41"),
        # 120 and 120 against 220 and 320; 420 all.
        *("-150 ± 635", "+0 ± -"),
    ]


def test_one_pair_has_a_mean_and_no_interval(make_groups):
    table = paired.differences(EXPERIMENT, [make_groups(random=RANDOM[:1], bald=BALD)])
    [row] = table.rows
    assert row[:2] == ["random - bald", "1"]
    assert all(cell.endswith(" ± -") for cell in row[2:])
    assert "± -: there is only one pair" in table.notes[0]


def test_what_cannot_be_compared_is_a_dash_or_left_out(make_groups):
    [row] = paired.differences(
        EXPERIMENT, [make_groups(random=RANDOM, bald=((0.4, 0.1),))]
    ).rows
    assert row[2:] == ["+0.00 ± -", "-", "-", "-", "+100 ± -", "-"]
    assert paired.differences(EXPERIMENT, [make_groups(random=RANDOM)]).rows == []
    assert paired.differences(EXPERIMENT, []).rows == []


def test_a_single_fits_deviation(make_groups):
    config = Config(experiment="figure1", rounds=20)
    # Steps of -2, 2, -2, ... points: the root of half of 4.
    zigzag = tuple(0.3 - 0.02 * (i % 2) for i in range(21))
    flat = (0.3,) * 21
    groups = make_groups(
        config=config, random=(zigzag, flat), bald=(zigzag,), mean_std=(flat[:3],)
    )
    table = paired.single_fits(EXPERIMENT, groups)
    assert table.header == ["technique", "at 100", "at 220"]
    assert table.rows == [["random", "1.00", "1.00"], ["bald", "1.41", "1.41"]]


def test_queries_that_are_far_apart_have_no_deviation(make_groups):
    assert paired.single_fits(EXPERIMENT, make_groups(random=RANDOM)).rows == []


def test_a_graph_is_not_fitted_again():
    config = Config(experiment="figure1", acquisition=("mbr",), rounds=12)
    [cell] = cells(EXPERIMENT, config, pytest.fail)
    on_graph = Evaluation(0.3, 0, 0, 0, 0.2, 0, graph_error=0.05, graph_mass_error=0.04)
    curve = [CurvePoint(i, 20 + 10 * i, on_graph, 2.5, {}) for i in range(13)]
    groups = group_results([Result(cell, Outcome(curve, {}, "", ""))])
    assert [row[0] for row in paired.single_fits(EXPERIMENT, groups).rows] == ["mbr"]


def test_variants_of_a_technique_are_paired_if_they_begin_with_as_many_labels():
    config = Config(experiment="table1", acquisition=("bald", "random"), rounds=98)
    results = [
        Result(
            cell,
            Outcome(
                [
                    CurvePoint(0, start, Evaluation(0.3, 0, 0, 0, 0.3, 0), 2.5, {}),
                    CurvePoint(1, start + 5, Evaluation(0.2, 0, 0, 0, 0.2, 0), 2.5, {}),
                ],
                *({}, "", ""),
            ),
        )
        for cell in cells(TABLE1, config, lambda: 10)
        for start in [10 * cell.config.initial_per_class]
    ]
    names = [
        [group.name for group in panel]
        for panel in paired.same_technique(group_results(results))
    ]
    assert names == [
        ["start 20, bald"],
        ["start 20, random"],
        ["start 100, bald", "start 100, as released, bald"],
        ["start 100, random", "start 100, as released, random"],
    ]


def test_intervals_of_folds_are_wider(make_groups):
    by_hundreds = {"experiment": "figure1", "acquisition_size": 100, "rounds": 4}
    config = Config(dataset="image_folder", data_dir="images", folds=5, **by_hundreds)
    random, bald = make_groups(config=config, random=RANDOM, bald=BALD)
    table = paired.differences(EXPERIMENT, [[bald, random]])
    # 12.706 * sqrt(1 + 2 / 4), because two runs share three quarters of their images.
    assert "-1.00 ± 15.56" in table.rows[0]
    assert "corrected for the training images that folds share" in table.notes[0]
