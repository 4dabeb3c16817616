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

from dbal_tf.artifacts import CurvePoint, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.runtime.interrupts import finish_first
from dbal_tf.store import schema
from dbal_tf.store.files import digest
from dbal_tf.store.reader import RunReader, ids_digest, labels_digest, pack_ids
from dbal_tf.store.recovery import damage_sentence
from dbal_tf.store.schema import FILE_NAME

__all__ = ["FILE_NAME", "Execution", "Store"]


@dataclasses.dataclass(frozen=True)
class Execution:
    """One call of a component: its seed and what that is for, how long it took."""

    component: str
    seed: int
    seconds: float
    purpose: str = ""


class Store:
    """The metadata store of one run folder.

    Tables: `runs` (one row), `rounds`, `labels` (round NULL: the initial set),
    `executions`, `artifacts`, `events`, `splits`. A store of an older version
    is brought to today's. Whoever only reads takes `records.RunReader`.

    Args:
        run_dir: The run's folder, which has or gets a `metadata.db`.

    Raises:
        InputError: The store is damaged (what can be read of it is then saved
            beside it), of a newer version, or of another program.
    """

    def __init__(self, run_dir: pathlib.Path) -> None:
        self._path = run_dir / FILE_NAME
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._reader = RunReader(self._connection)
        self._versions = "{}"
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        try:
            schema.check(self._connection, self._path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.OperationalError:  # Of the machine: no room, no permission.
            raise
        except sqlite3.DatabaseError as error:
            raise InputError(damage_sentence(self._path.parent, error)) from error
        if 0 < (version := schema.version(self._connection)) < schema.VERSION:
            with self._transaction() as run:
                schema.upgrade(run, version)

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
        class_names: Sequence[str] = (),
        splits: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Begins the run with its initial labels, or checks that it is this one.

        Args:
            flags: The settings, as a flagfile.
            checksum: Of the data.
            versions: Of the code and libraries that run now.
            initial: The labels to begin with.
            annotator: Who gave them.
            class_names: One name per class.
            splits: Ids by their use, for the audit. Of `train`, which is all
                that may be trained on, only the digest is kept.

        Raises:
            InputError: The data are not those that the run began with.
        """
        self._versions = json.dumps(dict(versions))
        if schema.version(self._connection) == 0:
            names = json.dumps(list(class_names))
            with self._transaction() as run:
                schema.upgrade(run, 0)
                run(
                    "INSERT INTO runs VALUES (1, ?, ?, ?, ?, ?)",
                    (_now(), flags, checksum, self._versions, names),
                )
                for name, ids in (splits or {}).items():
                    packed = None if name == "train" else pack_ids(ids)
                    row = (name, len(ids), ids_digest(ids), packed)
                    run("INSERT INTO splits VALUES (?, ?, ?, ?)", row)
                _insert_labels(run, initial, None, None, annotator)
            return
        known = self._reader.run().checksum
        if known != checksum:
            raise InputError(
                f"The data have checksum {checksum[:12]}, the run in {self._path.parent} began "
                f"with {known[:12]}; give it the same data or choose another --run_dir."
            )

    @property
    def reader(self) -> RunReader:
        """All that is kept, to read."""
        return self._reader

    def labels(self, every_state: bool = False) -> Labels:
        """Returns the labels in the order in which they were bought.

        Args:
            every_state: Whether to give items that were asked for but are not
                labelled too: skipped, unsure or withdrawn.
        """
        return self._reader.labels(every_state)

    def curve(self) -> list[CurvePoint]:
        """Returns the committed rounds, in order."""
        return self._reader.curve()

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
        trained_on = labels_digest(self.labels())
        kept = [(kind, uri, self._digest(uri)) for kind, uri in artifacts.items()]
        with finish_first(), self._transaction() as run:
            run(
                "INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    point.round,
                    _now(),
                    point.labels,
                    json.dumps(dataclasses.asdict(point.evaluation)),
                    point.weight_decay,
                    json.dumps(point.seconds),
                    self._versions,
                    trained_on,
                ),
            )
            if query is not None and bought is not None:
                _insert_labels(run, bought, point.round, query, annotator)
            for execution in executions:
                run(
                    "INSERT INTO executions (round, component, seed, seconds, purpose)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (point.round, *dataclasses.astuple(execution)),
                )
            for kind, uri, sha256 in kept:
                run(
                    "INSERT INTO artifacts (round, kind, uri, time, sha256)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (point.round, kind, uri, _now(), sha256),
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

    def _digest(self, uri: str) -> str | None:
        path = self._path.parent / (uri or "")
        return digest(path) if uri and path.exists() else None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection.execute
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _insert_labels(
    run: Any, labels: Labels, round_index: int | None, query: Query | None, annotator: str
) -> None:
    nothing = [None] * len(labels)
    scores = nothing if query is None else query.scores.tolist()
    known = query is not None and query.entropies is not None
    entropies = query.entropies.tolist() if known else nothing
    rows = zip(labels.ids.tolist(), labels.classes.tolist(), scores, entropies, strict=True)
    for rank, (item, label, score, entropy) in enumerate(rows):
        run(
            "INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, 'labelled', ?)",
            (item, label, round_index, rank, score, annotator, _now(), entropy),
        )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
