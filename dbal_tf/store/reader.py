"""Reading a run's store, for whoever must not change it."""

import contextlib
import json
import pathlib
import sqlite3
from typing import Any

import numpy as np

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.store import schema
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.rows import (
    LABELLED,
    AnswerRecord,
    ArtifactRecord,
    AskedRecord,
    ExecutionRecord,
    LabelRecord,
    RoundRecord,
    RunRecord,
    SplitRecord,
    known_before,
    label_records,
    labels_from_answers,
    unpack_ids,
)


class RunReader:
    """The contents of a store, in the order of rounds, never of time.

    Args:
        connection: To a database of this version's schema, or an empty one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, run_dir: pathlib.Path) -> "RunReader":
        """Reads a run's store as it is now, and leaves it so.

        Raises:
            InputError: There is none, it cannot be opened, or it is of another
                version.
            sqlite3.DatabaseError: It is damaged.
        """
        path = run_dir / STORE_FILE
        if not path.is_file() or not path.stat().st_size:
            raise InputError(f"{run_dir} has no {STORE_FILE}; expected the folder of a run.")
        memory = sqlite3.connect(":memory:", isolation_level=None)
        try:
            with contextlib.closing(schema.read_only(path)) as database:
                # Waits for seconds if it is locked; a backup alone would for ever.
                database.execute("BEGIN")
                database.execute("SELECT 1 FROM sqlite_master").fetchone()
                database.backup(memory)
        except sqlite3.OperationalError as error:
            raise InputError(
                f"{path} cannot be opened ({error}); make it readable, and end what holds it."
            ) from error
        schema.check(memory, path)
        return cls(memory)

    def has_begun(self) -> bool:
        """Says whether the run has its initial labels."""
        return not schema.is_empty(self._connection) and bool(self._all("SELECT 1 FROM runs"))

    def run(self) -> RunRecord:
        """Returns what the run began with.

        Raises:
            InputError: The run has not begun.
        """
        if not self.has_begun():
            raise InputError("The store holds no run; start the run first.")
        flags, checksum, versions, names, started = self._all(
            "SELECT flags, dataset_checksum, versions, class_names, started FROM runs"
        )[0]
        return RunRecord(
            flags, checksum, json.loads(versions), tuple(json.loads(names)), started
        )

    def answers(self) -> list[AnswerRecord]:
        """Returns all answers, in the order in which they came."""
        rows = self._all(
            "SELECT id, a.item, class, state, a.round, annotator, seconds, time, corrects, rank"
            " FROM answers a LEFT JOIN queries q ON q.round = a.round AND q.item = a.item"
            " ORDER BY id"
        )
        return [AnswerRecord(*row) for row in rows]

    def labels(self, before: int | None = None) -> Labels:
        """Returns what may be learnt from, in the order in which it was asked for.

        Args:
            before: Only what the model of this round may know; None: all.
        """
        return labels_from_answers(known_before(self.answers(), before))

    def answered_ids(self) -> np.ndarray:
        """Returns the ids of all items that have an answer, whatever it is."""
        rows = self._all("SELECT item FROM answers GROUP BY item ORDER BY MIN(id)")
        return np.array([item for (item,) in rows], np.str_)

    def asked(self) -> list[AskedRecord]:
        """Returns all queries, each with its reserve, by round and rank."""
        rows = self._all(
            "SELECT round, rank, item, score, standard_error, entropy FROM queries"
            " ORDER BY round, rank"
        )
        return [AskedRecord(*row) for row in rows]

    def label_rows(self) -> list[LabelRecord]:
        """Returns what was asked for and answered, as it stood when each round ended."""
        return label_records(self.answers(), self.asked())

    def query(self, round_index: int) -> Query:
        """Returns a round's query with its reserve, ranked; empty if it did not ask."""
        rows = [row for row in self.asked() if row.round == round_index]

        def column(name: str) -> np.ndarray | None:
            values = [getattr(row, name) for row in rows]
            return None if None in values else np.array(values, np.float64)

        return Query(
            np.array([row.item for row in rows], np.str_),
            np.array([row.score for row in rows], np.float64),
            column("standard_error"),
            column("entropy"),
        )

    def pending(self, size: int) -> Query:
        """Returns what the last round still waits for, best first; maybe nothing.

        In the place of an item that was skipped comes the next of the reserve.

        Args:
            size: How many labels a round is to have: `--acquisition_size`.
        """
        ((last,),) = self._all("SELECT COALESCE(MAX(round), -1) FROM rounds")
        query = self.query(last)
        given = {row.item: row for row in self.answers() if row.round == last}
        labelled = sum(
            item in given and given[item].state == LABELLED for item in query.ids.tolist()
        )
        is_open_k = np.array([item not in given for item in query.ids.tolist()], bool)
        return query.take(np.flatnonzero(is_open_k)[: max(0, size - labelled)])

    def curve(self) -> list[CurvePoint]:
        """Returns the rounds that have asked, or measured at the end, in order."""
        return [row.point for row in self.rounds()]

    def rounds(self) -> list[RoundRecord]:
        """Returns the same rounds with what made them."""
        rows = self._all(
            "SELECT round, labels, evaluation, weight_decay, seconds, versions, labels_sha256,"
            " asked, (SELECT SUM(a.seconds) FROM answers a WHERE a.round = rounds.round)"
            " FROM rounds ORDER BY round"
        )
        records = []
        for index, labels, evaluation, decay, seconds, versions, digest, asked, label in rows:
            spent = json.loads(seconds) | ({} if label is None else {"label": label})
            measures = Evaluation(**json.loads(evaluation))
            point = CurvePoint(index, labels, measures, decay, spent)
            records.append(RoundRecord(point, json.loads(versions), digest, asked))
        return records

    def executions(self) -> list[ExecutionRecord]:
        """Returns the calls of components, round by round."""
        rows = self._all("SELECT round, component, seeds FROM executions ORDER BY round, id")
        return [ExecutionRecord(index, name, json.loads(seeds)) for index, name, seeds in rows]

    def artifacts(self) -> list[ArtifactRecord]:
        """Returns what rounds left on disk."""
        rows = self._all("SELECT round, kind, uri, sha256 FROM artifacts ORDER BY round, id")
        return [ArtifactRecord(*row) for row in rows]

    def splits(self) -> dict[str, SplitRecord]:
        """Returns initial, validation, pool, test and train."""
        rows = self._all("SELECT split, items, sha256, ids FROM splits")
        return {
            name: SplitRecord(items, digest, None if ids is None else unpack_ids(ids))
            for name, items, digest, ids in rows
        }

    def events(self) -> list[tuple[str, str]]:
        """Returns the kind and the text of what happened to the run."""
        return self._all("SELECT kind, text FROM events ORDER BY id")

    def _all(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()
