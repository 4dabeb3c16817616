"""The run's memory: one SQLite file, from which alone a run goes on.

A round is one transaction. What is not committed did not happen, and happens
again in the same way, because every seed is derived.
"""

import contextlib
import dataclasses
import datetime
import json
import pathlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.interrupts import finish_first

FILE_NAME = "metadata.db"
_VERSION = 1
_SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY CHECK (id = 1), started TEXT NOT NULL, flags TEXT NOT NULL,
    dataset_checksum TEXT NOT NULL, versions TEXT NOT NULL);
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY, committed TEXT NOT NULL, labels INTEGER NOT NULL,
    evaluation TEXT NOT NULL, weight_decay REAL NOT NULL, seconds TEXT NOT NULL);
CREATE TABLE labels (
    item TEXT PRIMARY KEY, class INTEGER NOT NULL, round INTEGER, rank INTEGER NOT NULL,
    score REAL, annotator TEXT NOT NULL, time TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE executions (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, component TEXT NOT NULL,
    seed INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, kind TEXT NOT NULL, uri TEXT NOT NULL,
    time TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
"""


@dataclasses.dataclass(frozen=True)
class Execution:
    """One call of a component: what it was seeded with and how long it took."""

    component: str
    seed: int
    seconds: float


class Store:
    """The metadata store of one run folder.

    Tables: `runs` (one row), `rounds`, `labels` (round NULL: the initial set),
    `executions`, `artifacts`, `events`.

    Args:
        run_dir: The run's folder, which has or gets a `metadata.db`.
    """

    def __init__(self, run_dir: pathlib.Path) -> None:
        self._path = run_dir / FILE_NAME
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def start(
        self,
        flags: str,
        checksum: str,
        versions: Mapping[str, str],
        initial: Labels,
        annotator: str,
    ) -> None:
        """Begins the run with its initial labels, or checks that it is this one.

        Raises:
            InputError: The data are not those that the run began with.
        """
        if self._version() == 0:
            with self._transaction() as run:
                for statement in _SCHEMA.split(";\n"):
                    run(statement)
                run(
                    "INSERT INTO runs VALUES (1, ?, ?, ?, ?)",
                    (_now(), flags, checksum, json.dumps(dict(versions))),
                )
                self._insert_labels(run, initial, None, None, annotator)
                run(f"PRAGMA user_version = {_VERSION}")
            return
        (known,) = self._connection.execute("SELECT dataset_checksum FROM runs").fetchone()
        if known != checksum:
            raise InputError(
                f"The data have checksum {checksum[:12]}, the run in {self._path.parent} began "
                f"with {known[:12]}; give it the same data or choose another --run_dir."
            )

    def labels(self) -> Labels:
        """Returns all labels in the order in which they were bought."""
        rows = self._connection.execute(
            "SELECT item, class FROM labels ORDER BY COALESCE(round, -1), rank"
        ).fetchall()
        return Labels(np.array([r[0] for r in rows]), np.array([r[1] for r in rows], np.int64))

    def curve(self) -> list[CurvePoint]:
        """Returns the committed rounds, in order."""
        rows = self._connection.execute(
            "SELECT round, labels, evaluation, weight_decay, seconds FROM rounds ORDER BY round"
        )
        return [
            CurvePoint(
                index, labels, Evaluation(**json.loads(text)), decay, json.loads(seconds)
            )
            for index, labels, text, decay, seconds in rows
        ]

    def commit(
        self,
        point: CurvePoint,
        query: Query | None,
        bought: Labels | None,
        annotator: str,
        executions: Sequence[Execution],
        artifacts: Mapping[str, str],
    ) -> None:
        """Makes a round happen, in one transaction.

        Args:
            point: The round's place on the learning curve.
            query: What was asked; None in the last round.
            bought: The labels that came back.
            annotator: Who gave them.
            executions: The components that ran.
            artifacts: What the round left on disk: a path by kind.
        """
        with finish_first(), self._transaction() as run:
            run(
                "INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?)",
                (
                    point.round,
                    _now(),
                    point.labels,
                    json.dumps(dataclasses.asdict(point.evaluation)),
                    point.weight_decay,
                    json.dumps(point.seconds),
                ),
            )
            if query is not None and bought is not None:
                self._insert_labels(run, bought, point.round, query.scores, annotator)
            for execution in executions:
                run(
                    "INSERT INTO executions (round, component, seed, seconds)"
                    " VALUES (?, ?, ?, ?)",
                    (point.round, *dataclasses.astuple(execution)),
                )
            for kind, uri in artifacts.items():
                run(
                    "INSERT INTO artifacts (round, kind, uri, time) VALUES (?, ?, ?, ?)",
                    (point.round, kind, uri, _now()),
                )

    def reopen_last(self) -> None:
        """Takes back a last round that bought nothing, so that the run can grow.

        The last round of a run only measures. If the run is to have more
        rounds, that round is done again, with a query.
        """
        (last,) = self._connection.execute("SELECT MAX(round) FROM rounds").fetchone()
        bought = self._connection.execute("SELECT 1 FROM labels WHERE round = ?", (last,))
        if last is None or bought.fetchone():
            return
        with finish_first(), self._transaction() as run:
            for table in ("rounds", "executions", "artifacts"):
                run(f"DELETE FROM {table} WHERE round = ?", (last,))

    def record_event(self, kind: str, text: str) -> None:
        """Notes something that happened to the run, such as its going on."""
        with finish_first(), self._transaction() as run:
            run("INSERT INTO events (time, kind, text) VALUES (?, ?, ?)", (_now(), kind, text))

    def snapshot(self) -> bytes:
        """Returns the whole store, for `restore` in another process."""
        with contextlib.closing(sqlite3.connect(":memory:")) as copy:
            self._connection.backup(copy)
            return copy.serialize()

    def restore(self, snapshot: bytes) -> None:
        """Makes this store equal to the one that a snapshot is of."""
        data = bytearray(snapshot)
        data[18:20] = b"\1\1"  # a store in memory has no write-ahead log
        with contextlib.closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(bytes(data))
            copy.backup(self._connection)

    def _version(self) -> int:
        return self._connection.execute("PRAGMA user_version").fetchone()[0]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection.execute
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @staticmethod
    def _insert_labels(
        run: Any, labels: Labels, round_index: int | None, scores: Any, annotator: str
    ) -> None:
        for rank, (item, label) in enumerate(
            zip(labels.ids.tolist(), labels.classes.tolist(), strict=True)
        ):
            score = None if scores is None else float(scores[rank])
            run(
                "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, 'labelled')",
                (item, label, round_index, rank, score, annotator, _now()),
            )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
