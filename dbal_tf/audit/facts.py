"""What is known of a run: from its store, or from its published results."""

import csv
import dataclasses
import io
import json
import pathlib
import sqlite3
import zlib
from collections.abc import Sequence

from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.core import InputError
from dbal_tf.store.csv_files import read_curve_csv
from dbal_tf.store.reader import (
    ArtifactRecord,
    ExecutionRecord,
    LabelRecord,
    RoundRecord,
    RunReader,
    RunRecord,
    SplitRecord,
)
from dbal_tf.store.run_dir import CURVE_FILE, FLAGS_FILE
from dbal_tf.store.schema import FILE_NAME

PICKS_FILE = "picks.csv"
_PICKS_COLUMNS = ["round", "rank", "id", "class", "score"]


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """A run as the audit sees it.

    Attributes:
        folder: Where it lies.
        config: The settings that it began with.
        run: What the run began with; `class_names` empty if not recorded.
        labels: All that was asked for, in that order.
        rounds: The committed rounds, in order.
        has_store: Whether the folder has a store, and so everything that a
            run writes; else it has published results alone.
        executions: The calls of components.
        artifacts: What rounds left on disk.
        splits: Ids by their use; empty if not recorded.
    """

    folder: pathlib.Path
    config: Config
    run: RunRecord
    labels: Sequence[LabelRecord]
    rounds: Sequence[RoundRecord]
    has_store: bool = False
    executions: Sequence[ExecutionRecord] = ()
    artifacts: Sequence[ArtifactRecord] = ()
    splits: dict[str, SplitRecord] = dataclasses.field(default_factory=dict)


def find_runs(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders of runs and of published results in a folder.

    Raises:
        InputError: There is none.
    """
    names = (FILE_NAME, PICKS_FILE)
    found = sorted({path.parent for name in names for path in folder.rglob(name)})
    if not found:
        raise InputError(
            f"{folder} holds no run; expected a folder with {FILE_NAME} or, of published "
            f"results, {PICKS_FILE}, there or below."
        )
    return found


def read_facts(folder: pathlib.Path) -> Facts:
    """Reads what is known of one run; changes nothing on disk.

    Raises:
        InputError: What is there is not what a run writes.
        sqlite3.DatabaseError: The store is damaged, or holds what no run writes.
    """
    if not (folder / FILE_NAME).exists():
        return _results(folder)
    try:
        return _stored(folder)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise sqlite3.DatabaseError(f"a value cannot be read: {error}") from error


def _stored(folder: pathlib.Path) -> Facts:
    records = RunReader.open(folder)
    run = records.run()
    return Facts(
        folder,
        from_flagfile(run.flags),
        run,
        records.label_rows(),
        records.rounds(),
        True,
        records.executions(),
        records.artifacts(),
        records.splits(),
    )


def _results(folder: pathlib.Path) -> Facts:
    flags = read_text(folder / FLAGS_FILE)
    try:
        versions = json.loads(read_text(folder / "versions.json"))
        labels = _picks(read_text(folder / PICKS_FILE))
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"{folder} holds versions.json or {PICKS_FILE} that cannot be read ({error}); "
            "expected what tools/collect_results.py writes."
        ) from error
    rounds = [RoundRecord(p, versions) for p in read_curve_csv(read_text(folder / CURVE_FILE))]
    run = RunRecord(flags, "", versions, ())
    return Facts(folder, from_flagfile(flags), run, labels, rounds)


def _picks(text: str) -> list[LabelRecord]:
    header, *rows = csv.reader(io.StringIO(text))
    if header != _PICKS_COLUMNS:
        raise ValueError(f"its columns are {','.join(header)}")
    return [
        LabelRecord(
            item,
            int(label),
            None if index == "initial" else int(index),
            int(rank) - 1,
            float(score) if score else None,
            None,
            "labelled",
        )
        for index, rank, item, label, score in rows
    ]


def read_text(path: pathlib.Path) -> str:
    """Returns a file's text.

    Raises:
        InputError: It is not there or not text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); put the file back.") from error
