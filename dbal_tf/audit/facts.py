"""The facts about a run, read from its store or from its published results."""

import dataclasses
import pathlib
import sqlite3
import zlib
from collections.abc import Sequence

from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.core import InputError
from dbal_tf.store.layout import PICKS_FILE, STORE_FILE
from dbal_tf.store.published import read_picks, read_published
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import (
    TEST,
    VALIDATION,
    AnswerRecord,
    ArtifactRecord,
    AskedRecord,
    ExecutionRecord,
    LabelRecord,
    RoundRecord,
    RunRecord,
    SplitRecord,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """A run as the audit sees it.

    Attributes:
        folder: The run's folder.
        config: The settings that the run began with.
        run: What else it began with; `class_names` is empty if not recorded.
        labels: The answered items, each with its answer when its round ended, in
            the order in which they were asked for.
        rounds: The committed rounds, in order.
        has_store: Whether the folder has a store; if not, it has published
            results only.
        answers: All answers, in the order in which they were given; those of
            published results are made from `labels`.
        held_out: The answers to items of the test and validation sets.
        asked: All queries, each with its reserve; empty if not recorded.
        executions: The calls of components.
        artifacts: The files and folders that rounds wrote.
        splits: Ids by split; empty if not recorded.
    """

    folder: pathlib.Path
    config: Config
    run: RunRecord
    labels: Sequence[LabelRecord]
    rounds: Sequence[RoundRecord]
    has_store: bool = False
    answers: Sequence[AnswerRecord] = ()
    held_out: Sequence[AnswerRecord] = ()
    asked: Sequence[AskedRecord] = ()
    executions: Sequence[ExecutionRecord] = ()
    artifacts: Sequence[ArtifactRecord] = ()
    splits: dict[str, SplitRecord] = dataclasses.field(default_factory=dict)


def find_runs(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders of runs and of published results in a folder.

    Raises:
        InputError: There is none.
    """
    names = (STORE_FILE, PICKS_FILE)
    found = sorted({path.parent for name in names for path in folder.rglob(name)})
    if not found:
        raise InputError(
            f"{folder} holds no run; expected a folder with {STORE_FILE} or, of published "
            f"results, {PICKS_FILE}, there or below."
        )
    return found


def read_facts(folder: pathlib.Path) -> Facts:
    """Reads the facts about one run; changes nothing on disk.

    Raises:
        InputError: The folder does not hold the files of a run.
        sqlite3.DatabaseError: The store is damaged, or holds a value that no run
            writes.
    """
    if not (folder / STORE_FILE).exists():
        return _published(folder)
    try:
        return _stored(folder)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise sqlite3.DatabaseError(f"a value cannot be read: {error}") from error


def _stored(folder: pathlib.Path) -> Facts:
    reader = RunReader.open(folder)
    run = reader.run()
    return Facts(
        folder,
        from_flagfile(run.flags),
        run,
        reader.label_rows(),
        reader.rounds(),
        True,
        reader.answers(),
        [*reader.answers(TEST), *reader.answers(VALIDATION)],
        reader.asked(),
        reader.executions(),
        reader.artifacts(),
        reader.splits(),
    )


def _published(folder: pathlib.Path) -> Facts:
    published, labels = read_published(folder), read_picks(folder)
    rounds = [RoundRecord(point, published.versions) for point in published.curve]
    run = RunRecord(published.flags, "", published.versions, ())
    # Picks record no corrections, annotators or times: each item has one answer.
    answers = [
        AnswerRecord(
            *(number, row.item, row.label, row.state, row.round),
            *("", None, "", None, row.rank),
        )
        for number, row in enumerate(labels)
    ]
    config = from_flagfile(published.flags)
    return Facts(folder, config, run, labels, rounds, answers=answers)


def read_text(path: pathlib.Path) -> str:
    """Returns a file's text.

    Raises:
        InputError: It is not there or not text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); put the file back.") from error
