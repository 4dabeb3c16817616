"""How far a run is: from its store, or from its published results.

Nothing here writes: a report leaves the folders of its runs as they are.
"""

import dataclasses
import json
import math
import pathlib
import sqlite3

from dbal_tf.artifacts import CurvePoint
from dbal_tf.core import InputError
from dbal_tf.store.layout import CURVE_FILE, STORE_FILE
from dbal_tf.store.published import is_published, read_published
from dbal_tf.store.reader import RunReader
from dbal_tf.store.recovery import damage_sentence


class DamagedStoreError(InputError):
    """A run's store that SQLite cannot read.

    Attributes:
        run_dir: The run's folder.
        problem: What SQLite says of it.
    """

    def __init__(self, run_dir: pathlib.Path, problem: Exception) -> None:
        super().__init__(damage_sentence(run_dir, problem))
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
    path = run_dir / STORE_FILE
    if is_published(run_dir):
        published = read_published(run_dir)
        _check_finite(run_dir, published.curve)
        return Outcome(published.curve, published.versions, "", "")
    # SQLite makes an empty file before the first transaction.
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        reader = RunReader.open(run_dir)
        if not reader.has_begun():
            return None
        run, rounds = reader.run(), reader.rounds()
    # A torn page may still be a page to SQLite, with a text that is no JSON or
    # that names measures which there are not.
    except (sqlite3.DatabaseError, json.JSONDecodeError, TypeError) as error:
        raise DamagedStoreError(run_dir, error) from error
    curve = [one.point for one in rounds]
    return Outcome(curve, run.versions, run.started, rounds[-1].asked if rounds else "")


def _check_finite(run_dir: pathlib.Path, curve: list[CurvePoint]) -> None:
    """Refuses a published curve with NaN, which no mean and no axis survives."""
    for point in curve:
        for name, value in point.evaluation.measures().items():
            if not math.isfinite(value):
                raise InputError(
                    f"{run_dir / CURVE_FILE} cannot be read (round {point.round} has {name} "
                    f"{value}); expected what tools/collect_results.py writes; put the file "
                    "back."
                )
