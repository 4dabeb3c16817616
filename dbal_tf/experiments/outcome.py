"""The progress of a run, read from its store or from its published results.

Nothing here writes: a report does not change the folders of its runs.
"""

import dataclasses
import json
import math
import pathlib
import sqlite3

from dbal_tf.artifacts import CurvePoint
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.core import InputError
from dbal_tf.store.layout import CURVE_FILE, STORE_FILE
from dbal_tf.store.published import is_published, read_published
from dbal_tf.store.reader import RunReader
from dbal_tf.store.recovery import damage_sentence
from dbal_tf.store.rows import joined_versions


class DamagedStoreError(InputError):
    """A run's store that SQLite cannot read.

    Attributes:
        run_dir: The run's folder.
        problem: The error of SQLite.
    """

    def __init__(self, run_dir: pathlib.Path, problem: Exception) -> None:
        super().__init__(damage_sentence(run_dir, problem))
        self.run_dir, self.problem = run_dir, problem


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The committed rounds of a run, and their provenance.

    Attributes:
        curve: One point per round.
        versions: Versions of the code (`commit`), Python and the libraries; "a or b" if
            the run went on with others than it began with.
        started: When the run began, UTC, ISO 8601.
        committed: When its last round was committed; empty before the first.
            Published results have neither time; both are then empty.
    """

    curve: list[CurvePoint]
    versions: dict[str, str]
    started: str
    committed: str


def read_run(run_dir: pathlib.Path) -> Outcome | None:
    """Returns what a run has committed; None if it has not begun.

    The run may be under way in another process. A folder of published results
    has `curve.csv` and `versions.json` instead of a store.

    Raises:
        DamagedStoreError: The store is damaged.
        InputError: The store is of a newer version or of another program, or a
            published file cannot be read.
    """
    path = run_dir / STORE_FILE
    if is_published(run_dir):
        published = read_published(run_dir)
        # Of a person's run, no test image may have a class.
        if from_flagfile(published.flags).oracle == "dataset":
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
    # SQLite may accept a damaged page whose text is not JSON or names unknown
    # measures.
    except (sqlite3.DatabaseError, json.JSONDecodeError, TypeError) as error:
        raise DamagedStoreError(run_dir, error) from error
    curve = [one.point for one in rounds]
    versions = joined_versions(rounds) or run.versions
    return Outcome(curve, versions, run.started, rounds[-1].asked if rounds else "")


def _check_finite(run_dir: pathlib.Path, curve: list[CurvePoint]) -> None:
    """Checks that a published curve has no NaN, which would spoil means and plots."""
    for point in curve:
        for name, value in point.evaluation.measures().items():
            if not math.isfinite(value):
                raise InputError(
                    f"{run_dir / CURVE_FILE} cannot be read (round {point.round} has {name} "
                    f"{value}); expected what tools/collect_results.py writes; put the file "
                    "back."
                )
