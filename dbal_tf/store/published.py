"""Published results: the small part of a run's folder that can be committed.

    curve.csv      the learning curve
    flags.cfg      the settings, without folders of the machine
    picks.csv      everything that was answered: round, rank, id, class, score
    versions.json  of the code and libraries

`tools/collect_results.py` writes them. A report and the audit read them where
a folder has no store.
"""

import csv
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from dbal_tf.artifacts import LABEL_STATES, CurvePoint
from dbal_tf.core import InputError
from dbal_tf.store.csv_files import read_curve_csv
from dbal_tf.store.layout import CURVE_FILE, FLAGS_FILE, PICKS_FILE, STORE_FILE, VERSIONS_FILE
from dbal_tf.store.rows import LABELLED, LabelRecord

_PICKS_COLUMNS = ["round", "rank", "id", "class", "score"]
_INITIAL = "initial"
_SKIPPED = LABEL_STATES[1]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, eq=False)
class PublishedRun:
    """What was published of one run.

    Attributes:
        flags: The settings, as a flagfile.
        versions: Of the code and libraries that made it.
        curve: One point a round.
    """

    flags: str
    versions: dict[str, str]
    curve: list[CurvePoint]


def is_published(run_dir: pathlib.Path) -> bool:
    """Says whether a folder holds published results and no store."""
    # Unlike a Path, os.path takes any name, and checks come later.
    kept, store = run_dir / VERSIONS_FILE, run_dir / STORE_FILE
    return os.path.isfile(kept) and not os.path.exists(store)


def read_published(run_dir: pathlib.Path) -> PublishedRun:
    """Reads published results, but for their labels.

    Raises:
        InputError: A file is missing or not what `tools/collect_results.py`
            writes; the message names it.
    """
    return PublishedRun(
        _read(run_dir / FLAGS_FILE, str),
        _read(run_dir / VERSIONS_FILE, _versions),
        _read(run_dir / CURVE_FILE, read_curve_csv),
    )


def read_picks(run_dir: pathlib.Path) -> list[LabelRecord]:
    """Reads all that was answered, in the order in which it was asked for.

    An item without a class counts as skipped, though the annotator may have
    been unsure: the file does not tell them apart, and neither is learnt from.

    Raises:
        InputError: The file is missing or not what `picks_csv` writes.
    """
    return _read(run_dir / PICKS_FILE, _picks)


def picks_csv(labels: Iterable[LabelRecord]) -> str:
    """Returns the text of `picks.csv`: a header and a line an item.

    Args:
        labels: As a store's `label_rows` gives them. The class of an item that
            was skipped, or that the annotator was unsure of, is left empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_PICKS_COLUMNS)
    for row in labels:
        index = _INITIAL if row.round is None else row.round
        writer.writerow((index, row.rank + 1, row.item, row.label, row.score))
    return text.getvalue()


def _read(path: pathlib.Path, parse: Callable[[str], T]) -> T:
    """Returns what a published file says; an error names the file."""
    try:
        return parse(path.read_text("utf-8"))
    except (OSError, ValueError, csv.Error) as error:
        problem = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path} cannot be read ({problem}); expected what tools/collect_results.py "
            "writes; put the file back."
        ) from error


def _versions(text: str) -> dict[str, str]:
    versions = json.loads(text)
    if not isinstance(versions, dict):
        raise ValueError(f"it holds {text[:40].strip()}, expected versions by their names")
    return versions


def _picks(text: str) -> list[LabelRecord]:
    header, *rows = csv.reader(io.StringIO(text))
    if header != _PICKS_COLUMNS:
        raise ValueError(f"its columns are {','.join(header)}")
    return [
        LabelRecord(
            item,
            int(label) if label else None,
            None if index == _INITIAL else int(index),
            int(rank) - 1,
            float(score) if score else None,
            None,
            LABELLED if label else _SKIPPED,
        )
        for index, rank, item, label, score in rows
    ]
