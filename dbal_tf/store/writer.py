"""The run's store: one SQLite file. A run is resumed from it alone.

A round is two transactions: `ask` commits its query, `tell` commits answers, all
at once or in parts. Work that was not committed is repeated with the same result,
because every seed is derived.
"""

import contextlib
import dataclasses
import datetime
import json
import pathlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from dbal_tf.artifacts import CurvePoint, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.runtime.interrupts import finish_first
from dbal_tf.store import schema
from dbal_tf.store.files import digest
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.reader import RunReader
from dbal_tf.store.recovery import save_what_is_left
from dbal_tf.store.rows import WITHDRAWN, RunRecord, ids_digest, labels_digest, pack_ids


@dataclasses.dataclass(frozen=True)
class Execution:
    """One call of a component: its seeds by purpose, and its wall time."""

    component: str
    seeds: Mapping[str, int]
    seconds: float


class Store:
    """The metadata store of one run folder.

    Tables: `runs` (one row), `splits`, `rounds`, `begun`, `queries`, `answers`
    (round NULL: from before the first model), `executions`, `artifacts`,
    `events`; see `schema.py`. To read only, use `reader.RunReader`. Several
    processes may write to one store: a run, and the page where a person labels.

    Args:
        run_dir: The run's folder; its `metadata.db` is created if there is none.

    Attributes:
        reader: Reads the store.

    Raises:
        InputError: The store is damaged (what can be read of it is then saved
            beside it), of another version, or of another program.
    """

    def __init__(self, run_dir: pathlib.Path) -> None:
        self._path = run_dir / STORE_FILE
        # No isolation level: otherwise Python's module would begin transactions by itself.
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self.reader = RunReader(self._connection)
        self._versions = "{}"
        try:
            schema.check(self._connection, self._path)
            schema.add_indexes(self._connection)
            # A write-ahead log: the audit and reports can read while the run writes, and
            # a kill at any moment leaves the last commit intact.
            self._connection.execute("PRAGMA journal_mode = WAL")
            # SQLite leaves foreign keys unchecked unless each connection asks for it.
            self._connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.OperationalError:  # No room or no permission: not damage.
            self._connection.close()
            raise
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise InputError(save_what_is_left(run_dir, error)) from error
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    def start(
        self,
        run: RunRecord,
        initial: Labels,
        annotator: str,
        splits: Mapping[str, Sequence[str]],
        query: Query | None = None,
        held_out: Labels | None = None,
    ) -> None:
        """Begins the run with its initial labels, or checks that it has the same data.

        Args:
            run: The settings and data; its versions are recorded with every round.
            initial: The initial labels.
            annotator: Name of whoever gave the labels that are known.
            splits: Ids by split, for the audit; for `train`, which follows from the
                others, only the digest is kept.
            query: What is to be labelled before the first model; None: nothing.
            held_out: The known labels of test and validation sets that lack others.

        Raises:
            InputError: The data differ from those that the run began with.
        """
        self._versions = json.dumps(run.versions)
        if self.reader.has_begun():
            known = self.reader.run().checksum
            if known != run.checksum:
                raise InputError(
                    f"The data have checksum {run.checksum[:12]}, the run in "
                    f"{self._path.parent} began with {known[:12]}; give it the same data or "
                    "choose another --run_dir."
                )
            return
        names = json.dumps(run.class_names)
        # One transaction: if a run is killed here, the next start finds an empty database.
        with self._transaction() as execute:
            schema.create(execute)
            execute(
                "INSERT INTO runs VALUES (1, ?, ?, ?, ?, ?)",
                (_now(), run.flags, run.checksum, self._versions, names),
            )
            for name, ids in splits.items():
                packed = None if name == "train" else pack_ids(ids)
                row = (name, len(ids), ids_digest(ids), packed)
                execute("INSERT INTO splits VALUES (?, ?, ?, ?)", row)
            _insert_answers(execute, initial, annotator, None)
            if held_out is not None:
                _insert_answers(execute, held_out, annotator, None)
            if query is not None:
                _insert_query(execute, query, None)

    def begin(self, round_index: int, anew: bool = False) -> None:
        """Fixes the answers that a round may use: all that have been given so far.

        Does nothing if the round has already begun, as in a process that was killed:
        it then learns from the same labels again.

        Args:
            round_index: The round, which is not committed yet.
            anew: Whether to fix them again if the round has already begun.
        """
        with finish_first(), self._transaction() as execute:
            if anew:
                execute("DELETE FROM begun WHERE round = ?", (round_index,))
            execute(
                "INSERT OR IGNORE INTO begun SELECT ?, COALESCE(MAX(id), 0) FROM answers",
                (round_index,),
            )

    def ask(
        self,
        point: CurvePoint,
        query: Query | None,
        executions: Sequence[Execution],
        artifacts: Mapping[str, str],
    ) -> None:
        """Commits a round up to its query, in one transaction.

        The last round has no query. If the run is given more rounds, that round is
        repeated with a query; answers given in between are kept. Items that were
        answered while the query was chosen are left out of it.

        Args:
            point: The round's point on the learning curve.
            query: The query and its reserve; None in the last round.
            executions: The calls of components.
            artifacts: Paths of what the round wrote, by kind.
        """
        self.begin(point.round)
        trained_on = labels_digest(self.reader.labels(before=point.round))
        kept = [(kind, uri, self._digest(uri)) for kind, uri in artifacts.items()]
        values = (
            *(point.round, _now(), point.labels, trained_on),
            *(json.dumps(dataclasses.asdict(point.evaluation)), point.weight_decay),
            *(json.dumps(point.seconds), self._versions),
        )
        with finish_first(), self._transaction() as execute:
            # Updated, not replaced: answers may refer to the row of a repeated round.
            done = execute(
                "INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (round) DO"
                " UPDATE SET asked = excluded.asked, labels = excluded.labels,"
                " labels_sha256 = excluded.labels_sha256, evaluation = excluded.evaluation,"
                " weight_decay = excluded.weight_decay, seconds = excluded.seconds,"
                " versions = excluded.versions WHERE NOT EXISTS"
                " (SELECT 1 FROM queries WHERE queries.round = excluded.round)",
                values,
            )
            if not done.rowcount:
                raise ValueError(f"Round {point.round} has asked already.")
            execute("DELETE FROM executions WHERE round = ?", (point.round,))
            execute("DELETE FROM artifacts WHERE round = ?", (point.round,))
            if query is not None:
                _insert_query(execute, query, point.round)
            for one in executions:
                _insert_execution(execute, point.round, one)
            for kind, uri, sha256 in kept:
                _insert_artifact(execute, point.round, kind, uri, sha256)

    def tell(self, labels: Labels, annotator: str, seconds: float | None = None) -> None:
        """Commits answers, in one transaction.

        An answer to an item that already has one is a correction: the earlier
        answer is kept, and only rounds that begin later use the new one.

        Args:
            labels: The answers.
            annotator: Name of whoever gave the answers for which `labels` has no name.
            seconds: Time spent on all of them together; None if not known.
        """
        with finish_first(), self._transaction() as execute:
            _insert_answers(execute, labels, annotator, seconds)

    def withdraw(
        self, items: Sequence[str], annotator: str, restored: Labels | None = None
    ) -> None:
        """Takes back the last answers to items, in one transaction.

        Args:
            items: Their ids; each has an answer. They are asked for again.
            annotator: Name of whoever takes them back.
            restored: Answers, with names, that become valid again for some of them, in
                the same transaction: no kill and no new round comes in between.
        """
        none = np.full(len(items), -1), np.full(len(items), WITHDRAWN)
        with finish_first(), self._transaction() as execute:
            _insert_answers(execute, Labels(np.array(items, np.str_), *none), annotator, None)
            if restored is not None:
                _insert_answers(execute, restored, annotator, None)

    def add_artifact(self, round_index: int, kind: str, uri: str) -> None:
        """Records a file that a round wrote after it was committed."""
        with finish_first(), self._transaction() as execute:
            _insert_artifact(execute, round_index, kind, uri, self._digest(uri))

    def record_event(self, kind: str, text: str) -> None:
        """Records something that happened to the run, such as a resume."""
        with finish_first(), self._transaction() as execute:
            row = (_now(), kind, text)
            execute("INSERT INTO events (time, kind, text) VALUES (?, ?, ?)", row)

    def snapshot(self) -> bytes:
        """Returns the whole store, for `restore` in another process."""
        with contextlib.closing(sqlite3.connect(":memory:")) as copy:
            self._connection.backup(copy)
            return copy.serialize()

    def restore(self, snapshot: bytes) -> None:
        """Makes this store equal to the one that a snapshot was taken from."""
        data = bytearray(snapshot)
        # Bytes 18 and 19 of the header say that the file has a write-ahead log, which a
        # database in memory cannot have.
        data[18:20] = b"\1\1"
        with contextlib.closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(bytes(data))
            copy.backup(self._connection)

    def _digest(self, uri: str) -> str:
        return digest(self._path.parent / uri)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        # IMMEDIATE waits for other writers here; a transaction that reads first and writes
        # later would fail at its first write instead.
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection.execute
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _insert_query(execute: Any, query: Query, round_index: int | None) -> None:
    is_open = [not _has_answer(execute, item) for item in query.ids.tolist()]
    query = query.take(np.flatnonzero(is_open))
    nothing = [None] * len(query)
    errors, entropies = (
        nothing if values is None else values.tolist()
        for values in (query.standard_errors, query.entropies)
    )
    # Before the first model there are no scores.
    scores = nothing if round_index is None else query.scores.tolist()
    rows = zip(query.ids.tolist(), scores, errors, entropies, strict=True)
    for rank, row in enumerate(rows):
        execute("INSERT INTO queries VALUES (?, ?, ?, ?, ?, ?)", (round_index, rank, *row))


def _insert_execution(execute: Any, round_index: int, one: Execution) -> None:
    execute(
        "INSERT INTO executions (round, component, seeds, seconds) VALUES (?, ?, ?, ?)",
        (round_index, one.component, json.dumps(dict(one.seeds)), one.seconds),
    )


def _insert_answers(
    execute: Any,
    labels: Labels,
    annotator: str,
    seconds: float | None,
) -> None:
    if len(set(labels.ids.tolist())) < len(labels):
        raise ValueError("An item is given twice; expected one answer to each.")
    each = None if seconds is None else seconds / max(1, len(labels))
    ((last,),) = execute("SELECT MAX(round) FROM rounds")
    names = [annotator] * len(labels)
    if labels.annotators is not None:
        names = [name or annotator for name in labels.annotators.tolist()]
    for (item, label, state), name in zip(labels.rows(), names, strict=True):
        (earlier,) = execute("SELECT MAX(id) FROM answers WHERE item = ?", (item,)).fetchone()
        # A first answer belongs to the query that asked, even if the next one exists by now.
        asked = execute("SELECT MAX(round), COUNT(*) FROM queries WHERE item = ?", (item,))
        in_round, count = asked.fetchone()
        round_index = in_round if count and not _has_answer(execute, item) else last
        execute(
            "INSERT INTO answers"
            " (item, class, state, round, annotator, seconds, time, corrects)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (item, label, state, round_index, name, each, _now(), earlier),
        )


def _has_answer(execute: Any, item: str) -> bool:
    """Returns whether an item has an answer that was not withdrawn."""
    row = execute(
        "SELECT state FROM answers WHERE item = ? ORDER BY id DESC LIMIT 1", (item,)
    ).fetchone()
    return row is not None and row[0] != WITHDRAWN


def _insert_artifact(execute: Any, round_index: int, kind: str, uri: str, sha256: str) -> None:
    execute(
        "INSERT INTO artifacts (round, kind, uri, time, sha256) VALUES (?, ?, ?, ?, ?)",
        (round_index, kind, uri, _now(), sha256),
    )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
