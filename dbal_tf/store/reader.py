"""Reading a run's store, for whoever must not change it."""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import sqlite3
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels
from dbal_tf.core import InputError
from dbal_tf.store import schema


@dataclasses.dataclass(frozen=True)
class LabelRecord:
    """An item that was asked for, and what came back.

    Attributes:
        item: Its id.
        label: Its class index.
        round: The round that asked; None: the initial set.
        rank: Its place in the query, from 0.
        score: Its acquisition score; None in the initial set.
        entropy: Its predictive entropy in nats, None if not recorded.
        state: One of `schema.LABEL_STATES`; only `labelled` is learnt from.
    """

    item: str
    label: int
    round: int | None
    rank: int
    score: float | None
    entropy: float | None
    state: str


@dataclasses.dataclass(frozen=True)
class RoundRecord:
    """A committed round; None where an older version did not record it.

    Attributes:
        point: Its place on the learning curve.
        versions: Of the code and libraries that made it.
        labels_sha256: `labels_digest` of what its model was trained on.
        committed: When it was committed, UTC, ISO 8601; empty if not known.
    """

    point: CurvePoint
    versions: dict[str, str] | None = None
    labels_sha256: str | None = None
    committed: str = ""


@dataclasses.dataclass(frozen=True)
class ExecutionRecord:
    """One call of a component in a round, and what its seed was for."""

    round: int
    component: str
    purpose: str | None
    seed: int


@dataclasses.dataclass(frozen=True)
class ArtifactRecord:
    """A file or folder that a round left; `uri` is relative to the run's folder."""

    round: int
    kind: str
    uri: str
    sha256: str | None


@dataclasses.dataclass(frozen=True)
class SplitRecord:
    """The ids of one use, in ascending order; None: only their digest is kept."""

    items: int
    sha256: str
    ids: tuple[str, ...] | None


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What a run began with; `class_names` is empty if not recorded."""

    flags: str
    checksum: str
    versions: dict[str, str]
    class_names: tuple[str, ...]
    started: str = ""


class RunReader:
    """The contents of a store, in the order of rounds, never of time.

    Args:
        connection: To a database of today's schema.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, run_dir: pathlib.Path) -> "RunReader":
        """Reads a run's store as it is now, of whatever version, and leaves it so.

        Raises:
            InputError: There is none, it cannot be opened, or it is of a newer version.
            sqlite3.DatabaseError: It is damaged.
        """
        path = run_dir / schema.FILE_NAME
        if not path.is_file() or not path.stat().st_size:
            raise InputError(
                f"{run_dir} has no {schema.FILE_NAME}; expected the folder of a run."
            )
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
        schema.upgrade(memory.execute, schema.version(memory))
        return cls(memory)

    def has_begun(self) -> bool:
        """Says whether the run has its initial labels."""
        return bool(self._all("SELECT 1 FROM runs"))

    def run(self) -> RunRecord:
        """Returns what the run began with.

        Raises:
            InputError: The run has not begun.
        """
        row = self._all(
            "SELECT flags, dataset_checksum, versions, class_names, started FROM runs"
        )
        if not row:
            raise InputError("The store holds no run; start the run first.")
        flags, checksum, versions, names, started = row[0]
        return RunRecord(
            flags, checksum, json.loads(versions), tuple(json.loads(names or "[]")), started
        )

    def labels(self, every_state: bool = False) -> Labels:
        """Returns labels in the order in which they were bought.

        Args:
            every_state: Whether to give items that were asked for but are not
                labelled too: skipped, unsure or withdrawn.
        """
        known = [row for row in self.label_rows() if every_state or row.state == "labelled"]
        return Labels(
            np.array([row.item for row in known]),
            np.array([row.label for row in known], np.int64),
        )

    def label_rows(self) -> list[LabelRecord]:
        """Returns all that was asked for, in the order in which it was."""
        return [
            LabelRecord(*row)
            for row in self._all(
                "SELECT item, class, round, rank, score, entropy, state FROM labels"
                " ORDER BY COALESCE(round, -1), rank"
            )
        ]

    def curve(self) -> list[CurvePoint]:
        """Returns the committed rounds, in order."""
        return [row.point for row in self.rounds()]

    def rounds(self) -> list[RoundRecord]:
        """Returns the committed rounds with what made them, in order."""
        return [
            RoundRecord(
                CurvePoint(
                    index, labels, Evaluation(**json.loads(text)), decay, json.loads(seconds)
                ),
                json.loads(versions) if versions else None,
                digest,
                committed,
            )
            for index, labels, text, decay, seconds, committed, versions, digest in self._all(
                "SELECT round, labels, evaluation, weight_decay, seconds, committed,"
                " versions, labels_sha256 FROM rounds ORDER BY round"
            )
        ]

    def executions(self) -> list[ExecutionRecord]:
        """Returns the calls of components, round by round."""
        rows = self._all(
            "SELECT round, component, purpose, seed FROM executions ORDER BY round, id"
        )
        return [ExecutionRecord(*row) for row in rows]

    def artifacts(self) -> list[ArtifactRecord]:
        """Returns what rounds left on disk."""
        rows = self._all("SELECT round, kind, uri, sha256 FROM artifacts ORDER BY round, id")
        return [ArtifactRecord(*row) for row in rows]

    def splits(self) -> dict[str, SplitRecord]:
        """Returns initial, validation, pool, test and train; empty if not recorded."""
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


def labels_digest(labels: Labels) -> str:
    """Returns the SHA-256 of ids and classes, in their order, hexadecimal."""
    return _sha256([labels.ids.tolist(), labels.classes.tolist()])


def ids_digest(ids: Sequence[str]) -> str:
    """Returns the SHA-256 of some ids, whatever their order, hexadecimal."""
    return _sha256(sorted(ids))


def pack_ids(ids: Sequence[str]) -> bytes:
    """Returns ids in ascending order as few bytes; `unpack_ids` reads them."""
    return zlib.compress(json.dumps(sorted(ids)).encode())


def unpack_ids(packed: bytes) -> tuple[str, ...]:
    """Returns the ids that `pack_ids` packed."""
    return tuple(json.loads(zlib.decompress(packed)))


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
