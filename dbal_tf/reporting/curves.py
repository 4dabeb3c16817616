"""Statistics of learning curves: pure functions of labels and errors.

Axes: r repetition, p point of the curve. Errors are fractions, 0 to 1.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dbal_tf.artifacts import CurvePoint

THRESHOLDS = (0.10, 0.05)
"""Test errors to which the paper's Table 1 counts labels."""

_ROUNDING = 1e-9  # In floating point, the mean of three errors of 0.1 is above 0.1.


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """The learning curves of one technique's repetitions, at common numbers of labels.

    Attributes:
        labels_p: Numbers of labels that every repetition has reached,
            ascending, int64 `[p]`.
        errors_rp: Test errors there, by one measure, float64 `[r, p]`.
        repetitions: The number of each repetition, `[r]`.
    """

    labels_p: np.ndarray
    errors_rp: np.ndarray
    repetitions: tuple[int, ...]

    @classmethod
    def from_curves(cls, curves: Mapping[int, Sequence[CurvePoint]], measure: str) -> "Line":
        """Returns the line of several learning curves.

        Args:
            curves: The curve of each repetition, by its number. Curves without
                points are left out.
            measure: The field of `Evaluation` that is the error, such as
                `error` or `deterministic_error`.
        """
        started = {number: curve for number, curve in curves.items() if curve}
        by_labels = [
            {point.labels: getattr(point.evaluation, measure) for point in curve}
            for curve in started.values()
        ]
        common = sorted(set.intersection(*map(set, by_labels))) if by_labels else []
        rows = [[errors[count] for count in common] for errors in by_labels]
        # Without repetitions, the array would otherwise have one axis.
        shape = len(started), len(common)
        errors_rp = np.array(rows, np.float64).reshape(shape)
        return cls(np.array(common, np.int64), errors_rp, tuple(started))

    @property
    def mean_p(self) -> np.ndarray:
        """The mean curve."""
        return self.errors_rp.mean(axis=0)

    def select(self, repetitions: Sequence[int]) -> "Line":
        """Returns the line of these repetitions, in this order; one may occur twice."""
        rows = [self.repetitions.index(number) for number in repetitions]
        return Line(self.labels_p, self.errors_rp[rows], tuple(repetitions))


def first_crossing(labels_p: np.ndarray, errors_p: np.ndarray, threshold: float) -> int | None:
    """Returns the first number of labels whose error is at most a threshold.

    The curve may rise above it again. None if it is never reached.
    """
    below = np.flatnonzero(errors_p <= threshold + _ROUNDING)
    return int(labels_p[below[0]]) if len(below) else None


def error_at(labels_p: np.ndarray, errors_p: np.ndarray, count: int) -> float | None:
    """Returns the error of the last round with at most `count` labels.

    None if the curve begins later or does not reach that far.
    """
    if not len(labels_p) or not labels_p[0] <= count <= labels_p[-1]:
        return None
    # A model is used until the next one is trained, so the curve is a step function.
    return float(errors_p[np.searchsorted(labels_p, count, side="right") - 1])


def mean_error(
    labels_p: np.ndarray, errors_p: np.ndarray, first: int, last: int
) -> float | None:
    """Returns the mean of a curve between two numbers of labels: the area over the width.

    By the trapezoidal rule. None if the curve does not cover the range, or the
    range is empty.
    """
    if not len(labels_p) or not labels_p[0] <= first < last <= labels_p[-1]:
        return None
    # The ends need not be points of the curve: variants differ in their query size.
    inside = labels_p[(labels_p > first) & (labels_p < last)]
    at = np.concatenate([[first], inside, [last]])
    return float(np.trapezoid(np.interp(at, labels_p, errors_p), at) / (last - first))


Statistic = Callable[[np.ndarray, np.ndarray], float | None]
"""Computes a number from a curve's labels `[p]` and errors `[p]`; None: it has none."""


def paired_differences(line: Line, other: Line, statistic: Statistic) -> np.ndarray:
    """Returns `line - other` by a statistic, for each repetition that both have.

    Args:
        line: The first curves.
        other: Those to compare with.
        statistic: What is compared, such as the error at a number of labels.

    Returns:
        Differences, float64 `[r]`; empty if a repetition of either lacks the
        statistic, because the others would be a biased selection.
    """
    common = [number for number in line.repetitions if number in other.repetitions]
    ours, theirs = (by_repetition(one.select(common), statistic) for one in (line, other))
    return ours - theirs if len(ours) and len(theirs) else np.zeros(0)


def by_repetition(line: Line, statistic: Statistic) -> np.ndarray:
    """Returns a statistic of each repetition, float64 `[r]`; empty if one lacks it."""
    values = [statistic(line.labels_p, errors_p) for errors_p in line.errors_rp]
    return np.zeros(0) if None in values else np.array(values, np.float64)


def around(line: Line, count: int, width: int) -> np.ndarray:
    """Returns the errors within a window of labels around a given number.

    Args:
        line: The curves.
        count: The number of labels: the middle of the window, unless the
            curves end sooner.
        width: The window's width in labels.

    Returns:
        Errors, float64 `[r, p]`; without points if the curves do not reach
        `count` or begin within the window.
    """
    labels_p = line.labels_p
    if not len(labels_p) or count > labels_p[-1]:
        return line.errors_rp[:, :0]
    first = min(count - width // 2, labels_p[-1] - width)
    # A window shifted to the start would cover other numbers of labels.
    if first < labels_p[0]:
        return line.errors_rp[:, :0]
    return line.errors_rp[:, (labels_p >= first) & (labels_p <= first + width)]
