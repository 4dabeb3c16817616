"""What a run's store says, read without changing anything in its folder."""

import contextlib
import dataclasses
import json
import pathlib
import sqlite3

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.core import InputError
from dbal_tf.store import FILE_NAME


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """A run as far as it is committed, with what made it.

    Attributes:
        curve: One point a round.
        versions: Of the code, its `commit`, Python and the libraries.
        started: When the run began, UTC, ISO 8601.
        committed: When its last round was committed; empty before the first.
    """

    curve: list[CurvePoint]
    versions: dict[str, str]
    started: str
    committed: str


def read_run(run_dir: pathlib.Path) -> RunRecord | None:
    """Returns what a run's store says; None if the run has not begun.

    The run may be under way: what it has committed is read. Of a store that is
    open, or whose process was killed, SQLite may refresh the index (-shm).

    Raises:
        InputError: The store cannot be read.
    """
    path = run_dir / FILE_NAME
    if not path.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(_uri(path), uri=True)) as database:
            return _record(database)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected the store of a run; "
            "take it from a backup or remove the run's folder and do it again."
        ) from error


def _uri(path: pathlib.Path) -> str:
    # Reading a store that nobody writes to would leave -wal and -shm files beside it.
    is_open = path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?{'mode=ro' if is_open else 'immutable=1'}"


def _record(database: sqlite3.Connection) -> RunRecord | None:
    if database.execute("PRAGMA user_version").fetchone() == (0,):
        return None
    started, versions = database.execute("SELECT started, versions FROM runs").fetchone()
    rows = database.execute(
        "SELECT round, labels, evaluation, weight_decay, seconds, committed FROM rounds"
        " ORDER BY round"
    ).fetchall()
    curve = [
        CurvePoint(index, labels, Evaluation(**json.loads(text)), decay, json.loads(seconds))
        for index, labels, text, decay, seconds, _ in rows
    ]
    return RunRecord(curve, json.loads(versions), started, rows[-1][-1] if rows else "")
