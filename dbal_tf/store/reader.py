"""Read access to a run's store."""

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
    """The contents of a store, ordered by round or by answer, never by clock time.

    Args:
        connection: A connection to an empty database or one of this version's
            schema.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, run_dir: pathlib.Path) -> "RunReader":
        """Reads a run's store as it is now; changes nothing on disk.

        Raises:
            InputError: There is none, it cannot be opened, or it is of another
                version.
            sqlite3.DatabaseError: It is damaged.
        """
        path = run_dir / STORE_FILE
        if not path.is_file() or not path.stat().st_size:
            raise InputError(f"{run_dir} has no {STORE_FILE}; expected the folder of a run.")
        # A copy in memory: the reader sees one state of the store, though the run may go
        # on, and holds no lock that the run would wait for.
        memory = sqlite3.connect(":memory:", isolation_level=None)
        try:
            with contextlib.closing(schema.read_only(path)) as database:
                # Waits a few seconds if it is locked; a backup alone would wait for ever.
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
        """Returns the settings, data and versions that the run began with.

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
        """Returns all answers, in the order in which they were given."""
        rows = self._all(
            "SELECT id, a.item, class, state, a.round, annotator, seconds, time, corrects, rank"
            " FROM answers a LEFT JOIN queries q ON q.round = a.round AND q.item = a.item"
            " ORDER BY id"
        )
        return [AnswerRecord(*row) for row in rows]

    def labels(self, before: int | None = None) -> Labels:
        """Returns the labels to train on, in the order in which they were asked for.

        Args:
            before: Round whose model is trained: only answers from before its query
                count; None: all count.
        """
        return labels_from_answers(known_before(self.answers(), before))

    def answered_ids(self) -> np.ndarray:
        """Returns the ids of all items that were labelled, skipped or left unsure."""
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
        """Returns the answered items, each with its answer when its round ended."""
        return label_records(self.answers(), self.asked())

    def query(self, round_index: int) -> Query:
        """Returns a round's query and its reserve, ranked; empty if it has no query."""
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
        """Returns the items that the last round still waits for, best first.

        The next item of the reserve replaces one that was skipped. Empty if the
        round has all its labels, or nothing is left to ask for.

        Args:
            size: Number of labels per round: `--acquisition_size`.
        """
        ((last,),) = self._all("SELECT COALESCE(MAX(round), -1) FROM rounds")
        query = self.query(last)
        # A later answer replaces an earlier one, so an item that was skipped and then
        # labelled counts as labelled.
        given = {row.item: row for row in self.answers() if row.round == last}
        # Only labels of this query count: not skipped items, for which the reserve is
        # there, and not corrections of earlier rounds, which add no label.
        labelled = sum(
            item in given and given[item].state == LABELLED for item in query.ids.tolist()
        )
        is_open_k = np.array([item not in given for item in query.ids.tolist()], bool)
        return query.take(np.flatnonzero(is_open_k)[: max(0, size - labelled)])

    def curve(self) -> list[CurvePoint]:
        """Returns a point for each committed round, in order."""
        return [row.point for row in self.rounds()]

    def rounds(self) -> list[RoundRecord]:
        """Returns the committed rounds, each with the versions and labels behind it."""
        rows = self._all(
            "SELECT round, labels, evaluation, weight_decay, seconds, versions, labels_sha256,"
            " asked, (SELECT SUM(a.seconds) FROM answers a WHERE a.round = rounds.round)"
            " FROM rounds ORDER BY round"
        )
        records = []
        # Labelling time is summed here, because answers arrive after the round is committed,
        # in any number of parts.
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
        """Returns the files and folders that rounds wrote."""
        rows = self._all("SELECT round, kind, uri, sha256 FROM artifacts ORDER BY round, id")
        return [ArtifactRecord(*row) for row in rows]

    def splits(self) -> dict[str, SplitRecord]:
        """Returns the splits initial, validation, pool, test and train, by name."""
        rows = self._all("SELECT split, items, sha256, ids FROM splits")
        return {
            name: SplitRecord(items, digest, None if ids is None else unpack_ids(ids))
            for name, items, digest, ids in rows
        }

    def events(self) -> list[tuple[str, str]]:
        """Returns the kind and text of each event, such as a resume."""
        return self._all("SELECT kind, text FROM events ORDER BY id")

    def _all(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()
