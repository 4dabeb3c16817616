"""The CSV files in a run's folder: `curve.csv` and `query.csv`.

Numbers are written with all their digits, so that a curve reads back equal to the
one that was written.
"""

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dbal_tf.artifacts import PHASES, CurvePoint, Evaluation
from dbal_tf.core import InputError
from dbal_tf.store.rows import LabelRecord

_MEASURES = tuple(
    field.name
    for field in dataclasses.fields(Evaluation)
    if field.default is dataclasses.MISSING
)
_OPTIONAL_MEASURES = ("auc", "sensitivity", "graph_error", "graph_mass_error")
_SECONDS = "_seconds"


def curve_csv(curve: Sequence[CurvePoint]) -> str:
    """Returns a learning curve as the text of `curve.csv`.

    Args:
        curve: One point per round.

    Returns:
        A header and one line per round: errors as fractions from 0 to 1, likelihoods
        in nats, seconds to the millisecond (0 for a phase that did not happen or
        whose time is not known); AUC, sensitivity and the errors of a graph if every round
        has them. All numbers except the seconds read back equal.
    """
    evaluations = [point.evaluation for point in curve]
    measures = _MEASURES + tuple(
        name
        for name in _OPTIONAL_MEASURES
        if evaluations and all(getattr(one, name) is not None for one in evaluations)
    )
    return csv_text(
        _columns(measures),
        (
            [
                point.round,
                point.labels,
                # The shortest text that reads back as the same float.
                *(repr(float(getattr(point.evaluation, name))) for name in measures),
                repr(float(point.weight_decay)),
                *(f"{point.seconds.get(phase, 0.0):.3f}" for phase in PHASES),
            ]
            for point in curve
        ),
    )


def read_curve_csv(text: str) -> list[CurvePoint]:
    """Returns the learning curve in the text of a `curve.csv`.

    The seconds of a phase may be missing: results that were published before
    exports were timed have no `export_seconds`.

    Raises:
        InputError: The text is not what `curve_csv` writes.
    """
    header, *lines = text.splitlines() or [""]
    names = header.split(",")
    measures = _MEASURES + tuple(name for name in _OPTIONAL_MEASURES if name in names)
    phases = tuple(phase for phase in PHASES if f"{phase}_seconds" in names)
    columns = _columns(measures, phases)
    if header != ",".join(columns):
        raise InputError(
            f"The curve's first line reads {header!r}; expected "
            f"{','.join(_columns(_MEASURES))!r}; give a curve.csv that a run wrote."
        )
    return [_curve_point(line, number, columns) for number, line in enumerate(lines, start=2)]


def _columns(measures: Sequence[str], phases: Sequence[str] = PHASES) -> tuple[str, ...]:
    seconds = (f"{phase}{_SECONDS}" for phase in phases)
    return ("round", "labels", *measures, "weight_decay", *seconds)


def _curve_point(line: str, number: int, columns: Sequence[str]) -> CurvePoint:
    try:
        row = dict(zip(columns, line.split(","), strict=True))
        return CurvePoint(
            round=int(row.pop("round")),
            labels=int(row.pop("labels")),
            weight_decay=float(row.pop("weight_decay")),
            seconds={
                name.removesuffix(_SECONDS): float(row.pop(name))
                for name in columns
                if name.endswith(_SECONDS)
            },
            evaluation=_evaluation(row),
        )
    except ValueError:
        raise InputError(
            f"Line {number} of the curve reads {line!r}; expected "
            f"{len(columns)} numbers; give a curve.csv that a run wrote."
        ) from None


def query_csv(rows: Iterable[LabelRecord], class_names: Sequence[str]) -> str:
    """Returns a round's query and its answers as the text of `query.csv`.

    Args:
        rows: The items that were answered, by rank.
        class_names: One name per class index.

    Returns:
        A header and one line per item, best first, with its rank from 1 and the
        name of its class, empty if the item was skipped or the annotator was
        unsure. The standard error of an exact score is 0.
    """
    return csv_text(
        ("id", "score", "standard_error", "rank", "label"),
        (
            (
                row.item,
                repr(row.score),
                f"{row.standard_error or 0.0:.3g}",
                row.rank + 1,
                "" if row.label is None else class_names[row.label],
            )
            for row in rows
        ),
    )


def unreadable_csv(unreadable: Iterable[tuple[str, str]]) -> str:
    """Returns paths and reasons as the text of `unreadable.csv`."""
    return csv_text(("path", "reason"), unreadable)


def near_copies_csv(groups: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Returns groups of ids and labels, numbered from 1, as `near_copies.csv`."""
    rows = ((number, *item) for number, group in enumerate(groups, 1) for item in group)
    return csv_text(("group", "id", "label"), rows)


def csv_text(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Returns a header and rows as CSV text."""
    text = io.StringIO()
    # \n on all systems: the audit compares these files byte by byte.
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _evaluation(texts: Mapping[str, str]) -> Evaluation:
    measures: dict[str, Any] = {name: float(text) for name, text in texts.items()}
    return Evaluation(**measures)
