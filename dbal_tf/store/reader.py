"""Read access to a run's store."""

import contextlib
import functools
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
    TEST,
    TRAIN,
    VALIDATION,
    WITHDRAWN,
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
        # A copy in memory: the reader sees one state of the store even if the run goes on,
        # and holds no lock that the run would wait for.
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
        """Returns whether the run has its initial labels."""
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

    def answers(self, use: str = TRAIN) -> list[AnswerRecord]:
        """Returns all answers for a use, in the order in which they were given.

        Args:
            use: `TRAIN`, or `TEST` or `VALIDATION` for the items of that split.
        """
        uses = self.uses
        return [row for row in self.answers_after(0) if uses.get(row.item, TRAIN) == use]

    def answers_after(self, last: int) -> list[AnswerRecord]:
        """Returns the answers with greater ids than `last`, for any use."""
        rows = self._connection.execute(
            "SELECT id, a.item, class, state, a.round, annotator, seconds, time, corrects, rank"
            " FROM answers a LEFT JOIN queries q ON q.round IS a.round AND q.item = a.item"
            " WHERE id > ? ORDER BY id",
            (last,),
        )
        return [AnswerRecord(*row) for row in rows]

    def changes(self) -> tuple[int | None, ...]:
        """Returns the numbers of the last answer, round and query row; cheap to poll."""
        (last,) = self._all(
            "SELECT (SELECT MAX(id) FROM answers), (SELECT MAX(round) FROM rounds),"
            " (SELECT MAX(rowid) FROM queries)"
        )
        return last

    @functools.cached_property
    def uses(self) -> dict[str, str]:
        """The use of each test and validation item, which is fixed for a run."""
        splits = self.splits()
        return {
            item: use
            for use in (TEST, VALIDATION)
            if use in splits
            for item in splits[use].ids or ()
        }

    def use(self, item: str) -> str:
        """Returns what an item's answer is used for: `TRAIN`, `TEST` or `VALIDATION`."""
        return self.uses.get(item, TRAIN)

    def labels(self, before: int | None = None, use: str = TRAIN) -> Labels:
        """Returns the labels for a use, in the order in which they were asked for.

        Args:
            before: Round whose model is trained: only answers from before its training
                count; None, or a round that has not begun: all answers count.
            use: `TRAIN`, `TEST` or `VALIDATION`.
        """
        begun = self._all("SELECT round, last_answer FROM begun")
        last_answer = None if before is None else dict(begun).get(before)
        return labels_from_answers(known_before(self.answers(use), None, last_answer))

    def answered_ids(self) -> np.ndarray:
        """Returns the ids of all items that were labelled, skipped or left unsure."""
        states = self._states()
        rows = self._all("SELECT item FROM answers GROUP BY item ORDER BY MIN(id)")
        return np.array([item for (item,) in rows if item in states], np.str_)

    def asked(self) -> list[AskedRecord]:
        """Returns all queries, each with its reserve, by round and rank."""
        rows = self._all(
            "SELECT round, rank, item, score, standard_error, entropy FROM queries"
            " ORDER BY round, rank"  # NULL, the start, comes first.
        )
        return [AskedRecord(*row) for row in rows]

    def label_rows(self) -> list[LabelRecord]:
        """Returns the answered items, each with its answer when its round ended."""
        return label_records(self.answers(), self.asked())

    def query(self, round_index: int | None) -> Query:
        """Returns a round's query and its reserve, ranked; empty if it has no query.

        Args:
            round_index: The round; None: the query before the first model.
        """
        rows = [row for row in self.asked() if row.round == round_index]

        def column(name: str) -> np.ndarray | None:
            values = [getattr(row, name) for row in rows]
            return None if None in values else np.array(values, np.float64)

        return Query(
            np.array([row.item for row in rows], np.str_),
            np.array([row.score or 0.0 for row in rows], np.float64),
            column("standard_error"),
            column("entropy"),
        )

    def pending(self, size: int) -> Query:
        """Returns the items that the last round still waits for, best first.

        The next item of the reserve replaces one that was skipped. Empty if the
        round has all its labels, or nothing is left to ask for. Before the first
        round, returns what is to be labelled at the start.

        Args:
            size: Number of labels per round: `--acquisition_size`.
        """
        last = self.last_round()
        query, states = self.query(last), self._states()
        # Skipped items do not count: the reserve replaces them.
        labelled = sum(states.get(item) == LABELLED for item in query.ids.tolist())
        # The start has no reserve: all of it is asked for.
        wanted = len(query) if last is None else max(0, size - labelled)
        is_open = [item not in states for item in query.ids.tolist()]
        return query.take(np.flatnonzero(is_open)[:wanted])

    def last_round(self) -> int | None:
        """Returns the last committed round; None before the first."""
        ((last,),) = self._all("SELECT MAX(round) FROM rounds")
        return last

    def _states(self) -> dict[str, str]:
        """Returns the state of each item that has an answer."""
        rows = self._all("SELECT item, state, MAX(id) FROM answers GROUP BY item")
        return {item: state for item, state, _ in rows if state != WITHDRAWN}

    def curve(self) -> list[CurvePoint]:
        """Returns a point for each committed round, in order."""
        return [row.point for row in self.rounds()]

    def rounds(self) -> list[RoundRecord]:
        """Returns the committed rounds, each with the versions and labels behind it."""
        rows = self._all(
            "SELECT round, labels, evaluation, weight_decay, seconds, versions, labels_sha256,"
            " asked, (SELECT SUM(a.seconds) FROM answers a WHERE a.round = rounds.round),"
            " last_answer FROM rounds LEFT JOIN begun USING (round) ORDER BY round"
        )
        records = []
        # Labelling time is summed here, because answers arrive after the round is committed,
        # in any number of parts.
        for index, labels, evaluation, decay, seconds, versions, *rest in rows:
            digest, asked, label, last_answer = rest
            spent = json.loads(seconds) | ({} if label is None else {"label": label})
            measures = Evaluation(**json.loads(evaluation))
            point = CurvePoint(index, labels, measures, decay, spent)
            made_by = json.loads(versions)
            records.append(RoundRecord(point, made_by, digest, asked, last_answer))
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
