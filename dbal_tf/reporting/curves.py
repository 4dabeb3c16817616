"""Statistics of learning curves: pure functions of labels and errors.

Axes: r repetition, p point of the curve. Errors are shares, 0 to 1.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dbal_tf.artifacts import CurvePoint

THRESHOLDS = (0.10, 0.05)
"""Test errors to which the paper's Table 1 counts labels."""

RESAMPLES = 2000
CONFIDENCE = 0.95
_ROUNDING = 1e-9  # The mean of three errors of 0.1 is more than 0.1.


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
            curves: The curve of each repetition, by its number. A curve without
                a point is left out.
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
        # Without the shape, no repetition at all would be a vector.
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
    """Returns the area under a curve between two numbers of labels, over their distance.

    By the trapezoidal rule. None if the curve does not cover the range, or it
    is empty.
    """
    if not len(labels_p) or not labels_p[0] <= first < last <= labels_p[-1]:
        return None
    # The ends need not be points of the curve: variants differ in their query size.
    inside = labels_p[(labels_p > first) & (labels_p < last)]
    at = np.concatenate([[first], inside, [last]])
    return float(np.trapezoid(np.interp(at, labels_p, errors_p), at) / (last - first))


def labels_saved(line: Line, baseline: Line, threshold: float) -> int | None:
    """Returns how many fewer labels a line needs than a baseline to reach an error.

    The first crossings of the two mean curves are compared. None if one of
    them does not reach the error.
    """
    ours = first_crossing(line.labels_p, line.mean_p, threshold)
    theirs = first_crossing(baseline.labels_p, baseline.mean_p, threshold)
    return None if ours is None or theirs is None else theirs - ours


def labels_saved_interval(
    line: Line, baseline: Line, threshold: float, seed: int = 0
) -> tuple[int, int] | None:
    """Returns the 95 % bootstrap interval of `labels_saved` over repetitions.

    Percentile bootstrap (Efron, 1979) over the repetitions that both lines
    have.

    Returns:
        The interval's ends; None with fewer than two common repetitions, or
        if the error is not reached in some draw.
    """
    # A repetition's runs share split and seeds, so they are drawn as a pair.
    common = [number for number in line.repetitions if number in baseline.repetitions]
    return _bootstrap(
        lambda draw: labels_saved(line.select(draw), baseline.select(draw), threshold),
        common,
        seed,
    )


def _bootstrap(
    statistic: Callable[[list[int]], int | None], repetitions: Sequence[int], seed: int
) -> tuple[int, int] | None:
    if len(repetitions) < 2:
        return None
    rng = np.random.default_rng(seed)
    draws = rng.choice(repetitions, (RESAMPLES, len(repetitions)))
    # Three repetitions make only ten different draws: each is computed once.
    different, counts = np.unique(np.sort(draws, axis=1), axis=0, return_counts=True)
    values = [statistic(draw) for draw in different.tolist()]
    reached = [value for value in values if value is not None]
    # Leaving the other draws out would make the interval too narrow.
    if len(reached) < len(values):
        return None
    tail = (1 - CONFIDENCE) / 2
    # An end is a number of labels that some draw saved, never a value between two.
    low, high = np.quantile(np.repeat(reached, counts), (tail, 1 - tail), method="inverted_cdf")
    return int(low), int(high)


def paired_differences(line: Line, other: Line, count: int) -> np.ndarray:
    """Returns `line - other` at a number of labels, for each repetition that both have.

    Returns:
        Differences of errors, float64 `[r]`; empty if a line does not reach
        that far.
    """
    common = [number for number in line.repetitions if number in other.repetitions]
    pairs = [
        [error_at(one.labels_p, errors_p, count) for errors_p in one.select(common).errors_rp]
        for one in (line, other)
    ]
    if any(error is None for errors in pairs for error in errors):
        return np.zeros(0)
    return np.array(pairs[0]) - np.array(pairs[1])
