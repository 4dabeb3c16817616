"""Learning curves as text for the console: progress lines and a comparison.

Numbers are rounded, and lines are at most 79 columns wide.
"""

from collections.abc import Collection, Mapping, Sequence

from dbal_tf.artifacts import PHASES, CurvePoint
from dbal_tf.reporting.curves import THRESHOLDS, Line, error_at, first_crossing

_LONGEST_NAME = 25  # Characters; with longer names a table would be wider than 79.
_SHOWN_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


def progress_header() -> str:
    """Returns the header of the lines of `progress_line`."""
    return _progress_cells(
        "round", "labels", "test error", "train", "score", "evaluate", "time left"
    )


def progress_line(point: CurvePoint, rounds: int, seconds_left: float) -> str:
    """Returns a round as one line of the progress table.

    Args:
        point: The round.
        rounds: The number of the last round.
        seconds_left: The estimated time until the run ends.
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
    """Returns seconds in a suitable unit: `45 s`, `10 min`, `2 h 05 min`."""
    # 99.5 would be rounded to three digits.
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def comparison_table(lines: Mapping[str, Line], seconds: Mapping[str, float]) -> str:
    """Returns a table that compares techniques by their learning curves.

    Args:
        lines: The line of each technique, by its name.
        seconds: The wall time of all repetitions of each technique together.

    Returns:
        A row for each technique: at about five numbers of labels, the mean test
        error in % after the last round with at most that many, or a dash where
        the curve does not reach that far; the first number of labels with a mean
        error of at most 10 % and of at most 5 %; minutes. Rows are at most 79
        characters wide: names of more than 25 characters have a separate line.
    """
    at_labels = _spread_counts(lines.values())
    width = min(_LONGEST_NAME, max(len(name) for name in ("technique", *lines)))
    above = [" " * width, "error (%) at labels".rjust(7 * len(at_labels)), "  labels for"]
    header = ["technique".ljust(width), *(f"{count:7d}" for count in at_labels)]
    header += [f"{f'{100 * threshold:.0f} %':>6}" for threshold in THRESHOLDS] + ["    min"]
    rows = [
        "".join(
            [
                f"{name}\n{' ' * width}" if len(name) > width else name.ljust(width),
                *_comparison_cells(line, at_labels),
                f"{seconds[name] / 60:7.1f}",
            ]
        )
        for name, line in lines.items()
    ]
    table = ["".join(above), "".join(header), *rows, *_repetitions_note(lines.values())]
    return "".join(f"{row}\n" for row in table)


def _comparison_cells(line: Line, at_labels: Sequence[int]) -> list[str]:
    errors = [error_at(line.labels_p, line.mean_p, count) for count in at_labels]
    crossings = [first_crossing(line.labels_p, line.mean_p, one) for one in THRESHOLDS]
    return [
        *(f"{'-' if error is None else f'{100 * error:.2f}':>7}" for error in errors),
        *(f"{'-' if count is None else count:>6}" for count in crossings),
    ]


def _spread_counts(lines: Collection[Line]) -> list[int]:
    """Returns the numbers of labels nearest to some fractions of the largest one."""
    counts = sorted({count for line in lines for count in line.labels_p.tolist()})
    if not counts:
        return []
    # The targets may lie between two queries, so the nearest counts are taken.
    targets = (share * counts[-1] for share in _SHOWN_SHARES)
    return sorted({min(counts, key=lambda count: abs(count - target)) for target in targets})


def _repetitions_note(lines: Collection[Line]) -> list[str]:
    numbers = {len(line.repetitions) for line in lines}
    if not numbers or max(numbers) <= 1:
        return []
    few, many = min(numbers), max(numbers)
    return [f"Mean of {many if few == many else f'{few} to {many}'} repetitions."]
