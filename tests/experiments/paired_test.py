"""What is chance, worked out by hand."""

from dbal_tf.config import Config
from dbal_tf.experiments import paired
from dbal_tf.experiments.figure1 import EXPERIMENT

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
        *("+0.00 ± 0.00", "-1.00 ± 12.71", "-1.00 ± 25.41"),
        # 120 and 120 against 220 and 320; 420 all.
        *("-150 ± 635", "+0 ± 0"),
    ]


def test_one_pair_has_a_mean_and_no_interval(make_groups):
    table = paired.differences(EXPERIMENT, [make_groups(random=RANDOM[:1], bald=BALD)])
    [row] = table.rows
    assert row[:2] == ["random - bald", "1"]
    assert all(cell.endswith(" ± -") for cell in row[2:])
    assert "± -: one pair, which has none" in table.notes[0]


def test_what_cannot_be_compared_is_a_dash_or_left_out(make_groups):
    [row] = paired.differences(
        EXPERIMENT, [make_groups(random=RANDOM, bald=((0.4, 0.1),))]
    ).rows
    assert row[2:] == ["+0.00 ± -", "-", "-", "-", "+100 ± -", "-"]
    assert paired.differences(EXPERIMENT, [make_groups(random=RANDOM)]).rows == []
    assert paired.differences(EXPERIMENT, []).rows == []


def test_a_single_fits_deviation(make_groups):
    config = Config(experiment="figure1", rounds=10)
    # Steps of -2, 2, -2, ... points: the root of half of 4.
    zigzag = tuple(0.3 - 0.02 * (i % 2) for i in range(11))
    flat = (0.3,) * 11
    groups = make_groups(
        config=config, random=(zigzag, flat), bald=(zigzag,), mean_std=(flat[:3],)
    )
    table = paired.single_fits(EXPERIMENT, groups)
    assert table.header == ["technique", "at 100", "at 120"]
    assert table.rows == [["random", "1.00", "1.00"], ["bald", "1.41", "1.41"]]


def test_queries_that_are_far_apart_have_no_deviation(make_groups):
    assert paired.single_fits(EXPERIMENT, make_groups(random=RANDOM)).rows == []
