"""Statistics of learning curves, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.reporting import curves
from dbal_tf.reporting.curves import Line

LABELS = np.array([20, 30, 40, 60])


def _line(*errors, labels=LABELS, repetitions=None):
    return Line(labels, np.array(errors), repetitions or tuple(range(len(errors))))


def _curve(labels, errors):
    return [
        CurvePoint(i, count, Evaluation(error, 0, 0, 0, 2 * error, 0), 2.5, {})
        for i, (count, error) in enumerate(zip(labels, errors, strict=True))
    ]


def test_a_line_has_the_labels_that_all_repetitions_reached():
    runs = {3: _curve((20, 30, 40), (0.4, 0.2, 0.1)), 5: _curve((20, 40), (0.2, 0.1))}
    line = Line.from_curves(runs, "error")
    assert line.labels_p.tolist() == [20, 40]
    assert line.errors_rp.tolist() == [[0.4, 0.1], [0.2, 0.1]]
    assert line.repetitions == (3, 5)
    np.testing.assert_allclose(line.mean_p, [0.3, 0.1])
    assert Line.from_curves(runs, "deterministic_error").errors_rp[0].tolist() == [0.8, 0.2]


def test_a_repetition_without_a_round_is_in_no_line():
    line = Line.from_curves({0: [], 1: _curve((20, 30), (0.4, 0.2))}, "error")
    assert (line.repetitions, line.errors_rp.tolist()) == ((1,), [[0.4, 0.2]])
    for nothing in ({}, {0: []}):
        empty = Line.from_curves(nothing, "error")
        assert (empty.labels_p.shape, empty.errors_rp.shape) == ((0,), (0, 0))


def test_a_line_of_some_repetitions():
    line = _line([1.0] * 4, [0.5] * 4, [0.2] * 4, repetitions=(4, 5, 6))
    drawn = line.select([6, 4, 6])
    assert drawn.errors_rp[:, 0].tolist() == [0.2, 1.0, 0.2]
    assert drawn.repetitions == (6, 4, 6)


def test_the_first_crossing_counts_though_the_curve_rises_again():
    errors = np.array([0.5, 0.1, 0.3, 0.05])
    assert curves.first_crossing(LABELS, errors, 0.1) == 30
    assert curves.first_crossing(LABELS, errors, 0.09) == 60
    assert curves.first_crossing(LABELS, errors, 0.04) is None
    assert curves.first_crossing(np.zeros(0, int), np.zeros(0), 0.5) is None


@pytest.mark.parametrize(
    ("count", "error"), [(19, None), (20, 0.4), (39, 0.3), (40, 0.2), (60, 0.1), (61, None)]
)
def test_the_error_is_that_of_the_last_round_before(count, error):
    assert curves.error_at(LABELS, np.array([0.4, 0.3, 0.2, 0.1]), count) == error


def test_the_mean_error_is_the_area_over_the_distance():
    errors = np.array([0.4, 0.2, 0.2, 0.0])
    # 10 * 0.3 + 10 * 0.2 + 20 * 0.1, over 40.
    assert curves.mean_error(LABELS, errors, 20, 60) == pytest.approx(7 / 40)
    # From 25, where the error is 0.3, to 50, where it is 0.1.
    assert curves.mean_error(LABELS, errors, 25, 50) == pytest.approx(
        (5 * 0.25 + 10 * 0.2 + 10 * 0.15) / 25
    )


@pytest.mark.parametrize(("first", "last"), [(10, 60), (20, 70), (30, 30)])
def test_there_is_no_mean_error_of_what_the_curve_does_not_cover(first, last):
    assert curves.mean_error(LABELS, np.full(4, 0.1), first, last) is None


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_the_mean_error_lies_between_the_least_and_the_most(errors):
    mean = curves.mean_error(LABELS, np.array(errors), 20, 60)
    assert min(errors) - 1e-12 <= mean <= max(errors) + 1e-12


def _error_at(count):
    return lambda labels_p, errors_p: curves.error_at(labels_p, errors_p, count)


def test_differences_are_taken_within_repetitions():
    one = _line([0.4, 0.1], [0.5, 0.3], labels=np.array([20, 30]), repetitions=(1, 2))
    other = _line(
        *([0.4, 0.2], [0.5, 0.5], [0.9, 0.9]),
        labels=np.array([20, 30]),
        repetitions=(2, 1, 3),
    )
    np.testing.assert_allclose(
        curves.paired_differences(one, other, _error_at(30)), [0.1 - 0.5, 0.3 - 0.2]
    )
    assert curves.paired_differences(one, other, _error_at(40)).shape == (0,)
    apart = _line([0.4, 0.1], labels=np.array([20, 30]), repetitions=(9,))
    assert curves.paired_differences(one, apart, _error_at(30)).shape == (0,)


def test_a_repetition_without_the_statistic_leaves_no_selection():
    line = _line([0.4, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.2])

    def crossing(labels_p, errors_p):
        return curves.first_crossing(labels_p, errors_p, 0.1)

    assert curves.by_repetition(line.select([0]), crossing).tolist() == [30]
    assert curves.by_repetition(line, crossing).shape == (0,)
    assert curves.paired_differences(line, line, crossing).shape == (0,)


@pytest.mark.parametrize(
    ("count", "width", "inside"),
    [
        (40, 30, [0.3, 0.2]),  # From 25 to 55.
        (60, 20, [0.2, 0.1]),  # Moved to where the curve ends: from 40.
        (30, 20, [0.4, 0.3, 0.2]),
        # From 10, where there is no curve yet, and behind its end.
        (20, 20, []),
        (61, 20, []),
    ],
)
def test_the_window_around_a_number_of_labels(count, width, inside):
    line = _line([0.4, 0.3, 0.2, 0.1])
    assert curves.around(line, count, width).tolist() == [inside]


def test_a_curve_that_is_shorter_than_the_window_has_none():
    line = _line([0.4, 0.3, 0.2, 0.1])
    assert curves.around(line, 30, 50).shape == (1, 0)
