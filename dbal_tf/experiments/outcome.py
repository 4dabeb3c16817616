"""How far a run is: from its store, or from its published results.

Nothing here writes: a report leaves the folders of its runs as they are.
"""

import dataclasses
import json
import math
import os
import pathlib
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from dbal_tf.artifacts import CurvePoint
from dbal_tf.core import InputError
from dbal_tf.store.csv_files import read_curve_csv
from dbal_tf.store.reader import RunReader
from dbal_tf.store.run_dir import CURVE_FILE
from dbal_tf.store.schema import FILE_NAME

VERSIONS_FILE = "versions.json"
T = TypeVar("T")


class DamagedStoreError(InputError):
    """A run's store that SQLite cannot read.

    Attributes:
        run_dir: The run's folder.
        problem: What SQLite says of it.
    """

    def __init__(self, run_dir: pathlib.Path, problem: Exception) -> None:
        super().__init__(
            f"{run_dir / FILE_NAME} is damaged ({problem}); nothing was changed; start the run "
            "to have what can be read of it saved beside it, or put it back from a copy."
        )
        self.run_dir, self.problem = run_dir, problem


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run has committed, and what made it.

    Attributes:
        curve: One point a round.
        versions: Of the code, its `commit`, Python and the libraries.
        started: When the run began, UTC, ISO 8601.
        committed: When its last round was committed; empty before the first.
            Published results say neither: both times are then empty.
    """

    curve: list[CurvePoint]
    versions: dict[str, str]
    started: str
    committed: str


def read_run(run_dir: pathlib.Path) -> Outcome | None:
    """Returns what a run has committed; None if it has not begun.

    The run may be under way in another process. A folder of published results
    has no store, but `curve.csv` and `versions.json`.

    Raises:
        DamagedStoreError: The store is damaged.
        InputError: The store is of a newer version or of another program, or a
            published file cannot be read.
    """
    path = run_dir / FILE_NAME
    if is_published(run_dir):
        curve = _read(run_dir / CURVE_FILE, _curve)
        return Outcome(curve, _read(run_dir / VERSIONS_FILE, _versions), "", "")
    # SQLite makes an empty file before the first transaction.
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        records = RunReader.open(run_dir)
        if not records.has_begun():
            return None
        run, rounds = records.run(), records.rounds()
    # A torn page may still be a page to SQLite, with a text that is no JSON or
    # that names measures which there are not.
    except (sqlite3.DatabaseError, json.JSONDecodeError, TypeError) as error:
        raise DamagedStoreError(run_dir, error) from error
    curve = [one.point for one in rounds]
    return Outcome(curve, run.versions, run.started, rounds[-1].committed if rounds else "")


def _read(path: pathlib.Path, parse: Callable[[str], T]) -> T:
    """Returns the parsed text of a published file; an error names the file."""
    try:
        return parse(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        problem = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path} cannot be read ({problem}); expected what tools/collect_results.py "
            "writes; put the file back."
        ) from error


def _curve(text: str) -> list[CurvePoint]:
    curve = read_curve_csv(text)
    # Python reads nan as a number, which no mean and no axis survives.
    for point in curve:
        for name, value in point.evaluation.measures().items():
            if not math.isfinite(value):
                raise ValueError(f"round {point.round} has {name} {value}")
    return curve


def _versions(text: str) -> dict[str, str]:
    versions = json.loads(text)
    if not isinstance(versions, dict):
        raise ValueError(f"it holds {text[:40].strip()}, expected versions by their names")
    return versions


def is_published(run_dir: pathlib.Path) -> bool:
    """Says whether a folder holds what tools/collect_results.py kept of a run."""
    # Unlike a Path, os.path takes any name, and checks come later.
    kept, store = run_dir / VERSIONS_FILE, run_dir / FILE_NAME
    return os.path.isfile(kept) and not os.path.exists(store)
