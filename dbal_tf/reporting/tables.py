"""Learning curves as text for a person: progress lines and a comparison.

Numbers are rounded, lines at most 79 columns wide.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from dbal_tf.artifacts import PHASES, CurvePoint

Curves = Mapping[str, Sequence[Sequence[CurvePoint]]]

_THRESHOLDS = (0.10, 0.05)
ROUNDING = 1e-9  # The mean of three errors of 0.1 is more than 0.1.
_SHOWN_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


def progress_header() -> str:
    """Returns the line that stands above those of `progress_line`."""
    return _progress_cells(
        "round", "labels", "test error", "train", "score", "evaluate", "time left"
    )


def progress_line(point: CurvePoint, rounds: int, seconds_left: float) -> str:
    """Returns a round as one line for a person to watch.

    Args:
        point: The round.
        rounds: The number of the last round.
        seconds_left: The time until the run will have ended.
    """
    return _progress_cells(
        f"{point.round}/{rounds}",
        str(point.labels),
        f"{100 * point.evaluation.error:.2f} %",
        *(f"{point.seconds.get(phase, 0.0):.1f} s" for phase in PHASES[:3]),
        duration(seconds_left),
    )


def _progress_cells(*cells: str) -> str:
    widths = (11, 8, 12, 10, 10, 10, 13)
    return "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def duration(seconds: float) -> str:
    """Returns seconds in the unit that suits them: `45 s`, `10 min`, `2 h 05 min`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def errors_by_labels(
    repetitions: Sequence[Sequence[CurvePoint]], measure: str = "error"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the test errors of several repetitions, side by side.

    Args:
        repetitions: One curve per repetition; those without a point are left
            out.
        measure: The field of `Evaluation` that is the error.

    Returns:
        The numbers of labels that every repetition has reached, ascending,
        int64 `[p]`, and the errors there, shares 0 to 1, float64 `[r, p]`.
    """
    started = [curve for curve in repetitions if curve]
    by_labels = [
        {point.labels: getattr(point.evaluation, measure) for point in curve}
        for curve in started
    ]
    common = sorted(set.intersection(*map(set, by_labels))) if by_labels else []
    errors = [[errors[count] for count in common] for errors in by_labels]
    return np.array(common, np.int64), np.array(errors, np.float64).reshape(
        len(started), len(common)
    )


def comparison_table(curves: Curves, at_labels: Sequence[int] | None = None) -> str:
    """Returns a table that compares techniques by what their labels bought.

    Args:
        curves: For every technique the curves of its repetitions.
        at_labels: The numbers of labels to show errors at; by default about
            five between the first and the last.

    Returns:
        A row a technique: the mean test error in % after the last round with
        at most so many labels, a dash where the curve does not reach that
        far; the first number of labels whose mean error is at most 10 % and
        5 %; the minutes that all repetitions took together. At most 79
        columns for the default columns and names of up to 25 characters.
    """
    if at_labels is None:
        at_labels = _spread_counts(curves)
    width = max(len(name) for name in ("technique", *curves))
    above = [" " * width, "error (%) at labels".rjust(7 * len(at_labels)), "  labels for"]
    header = ["technique".ljust(width), *(f"{count:7d}" for count in at_labels)]
    header += [f"{f'{100 * threshold:.0f} %':>6}" for threshold in _THRESHOLDS] + ["    min"]
    rows = [
        "".join([name.ljust(width), *_comparison_cells(repetitions, at_labels)])
        for name, repetitions in curves.items()
    ]
    lines = ["".join(above), "".join(header), *rows, *_repetitions_note(curves)]
    return "".join(f"{line}\n" for line in lines)


def _comparison_cells(
    repetitions: Sequence[Sequence[CurvePoint]], at_labels: Sequence[int]
) -> list[str]:
    labels, errors = errors_by_labels(repetitions)
    means = errors.sum(axis=0) / max(1, len(errors))
    points = list(zip(labels.tolist(), means.tolist(), strict=True))
    cells = []
    for count in at_labels:
        before = [error for reached, error in points if reached <= count]
        there = before and count <= points[-1][0]
        cells.append(f"{f'{100 * before[-1]:.2f}' if there else '-':>7}")
    for threshold in _THRESHOLDS:
        needed = next((n for n, error in points if error <= threshold + ROUNDING), "-")
        cells.append(f"{needed:>6}")
    seconds = sum(sum(point.seconds.values()) for curve in repetitions for point in curve)
    return [*cells, f"{seconds / 60:7.1f}"]


def _spread_counts(curves: Curves) -> list[int]:
    """The numbers of labels nearest to some shares of the largest one."""
    all_curves = [curve for repetitions in curves.values() for curve in repetitions]
    counts = sorted({point.labels for curve in all_curves for point in curve})
    if not counts:
        return []
    targets = (share * counts[-1] for share in _SHOWN_SHARES)
    return sorted({min(counts, key=lambda count: abs(count - target)) for target in targets})


def _repetitions_note(curves: Curves) -> list[str]:
    numbers = {sum(1 for curve in repetitions if curve) for repetitions in curves.values()}
    if not numbers or max(numbers) <= 1:
        return []
    few, many = min(numbers), max(numbers)
    return [f"Mean of {many if few == many else f'{few} to {many}'} repetitions."]
