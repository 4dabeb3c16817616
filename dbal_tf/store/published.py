"""Published results: the part of a run's folder that is small enough for git.

    curve.csv      the learning curve
    flags.cfg      the settings, without paths of the machine
    picks.csv      every answered item: round, rank, id, class, score
    versions.json  versions of code and libraries

`tools/collect_results.py` writes them. Reports and the audit read them if a
folder has no store.
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
from dbal_tf.store.csv_files import csv_text, read_curve_csv
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
        versions: Versions of the code and libraries that produced it.
        curve: One point per round.
    """

    flags: str
    versions: dict[str, str]
    curve: list[CurvePoint]


def is_published(run_dir: pathlib.Path) -> bool:
    """Returns whether a folder holds published results and no store."""
    # Unlike pathlib, os.path raises no error for a name that is too long; such names are
    # reported by later checks.
    kept, store = run_dir / VERSIONS_FILE, run_dir / STORE_FILE
    return os.path.isfile(kept) and not os.path.exists(store)


def read_published(run_dir: pathlib.Path) -> PublishedRun:
    """Reads published results, except their labels.

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
    """Reads all answered items, in the order in which they were asked for.

    An item without a class counts as skipped, though the annotator may have
    been unsure: the file does not distinguish the two, and neither is trained on.

    Raises:
        InputError: The file is missing or not what `picks_csv` writes.
    """
    return _read(run_dir / PICKS_FILE, _picks)


def picks_csv(labels: Iterable[LabelRecord]) -> str:
    """Returns the text of `picks.csv`: a header and one line per item.

    Args:
        labels: The result of `RunReader.label_rows`. The class of an item that
            was skipped, or that the annotator was unsure of, is left empty.
    """

    def line(row: LabelRecord) -> tuple[object, ...]:
        index = _INITIAL if row.round is None else row.round
        return index, row.rank + 1, row.item, row.label, row.score

    return csv_text(_PICKS_COLUMNS, map(line, labels))


def _read(path: pathlib.Path, parse: Callable[[str], T]) -> T:
    """Returns the parsed content of a published file; an error names the file."""
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
