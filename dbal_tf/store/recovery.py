"""Recovery of the readable rows of a damaged store."""

import contextlib
import csv
import io
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.schema import read_only

_COLUMNS = {
    "answers": ("round", "item", "class", "state", "annotator", "time", "corrects"),
    "queries": ("round", "rank", "item", "score"),
    "rounds": ("round", "asked", "labels", "evaluation", "weight_decay", "seconds"),
}
_ADVICE = (
    f"remove {STORE_FILE}-wal and {STORE_FILE}-shm, if there, then put it back from a copy or "
    "choose another --run_dir."
)


def damage_sentence(run_dir: pathlib.Path, problem: object) -> str:
    """Returns a sentence about a damaged store; changes nothing on disk.

    Args:
        run_dir: The folder of the damaged store.
        problem: SQLite's error.
    """
    return (
        f"{run_dir / STORE_FILE} is damaged ({problem}); start the run again to have what can "
        f"be read of it saved beside it; {_ADVICE}"
    )


def save_what_is_left(run_dir: pathlib.Path, problem: object) -> str:
    """Saves the readable rows of a damaged store; returns a sentence that says where.

    Writes `<run_dir>/recovered.csv`, or `recovered-2.csv` and so on: an existing
    file is never overwritten, and the store itself is not changed. Each row names
    its table; the round of an initial label is empty.

    Args:
        run_dir: The folder of the damaged store.
        problem: SQLite's error.
    """
    rows = {table: list(_rows(run_dir / STORE_FILE, table)) for table in _COLUMNS}
    saved = "nothing of it could be read"
    if any(rows.values()):
        saved = (
            f"{len(rows['answers'])} labels and {len(rows['rounds'])} rounds could be read and "
            f"are in {_save(run_dir, _csv(rows)).name} beside it"
        )
    return f"{run_dir / STORE_FILE} is damaged ({problem}); {saved}; {_ADVICE}"


def _rows(path: pathlib.Path, table: str) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of a table that can be read."""
    with contextlib.closing(read_only(path)) as database:
        # A scan ends at the first damaged page; scans from both ends reach the rows before
        # and after it. NOT INDEXED, because an index may be what is damaged.
        numbers: set[int] = set()
        for order in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.Error):
                for (number,) in database.execute(
                    f"SELECT rowid FROM {table} NOT INDEXED ORDER BY rowid {order}"
                ):
                    numbers.add(number)
        query = f"SELECT {', '.join(_COLUMNS[table])} FROM {table} NOT INDEXED WHERE rowid = ?"
        for number in sorted(numbers):
            with contextlib.suppress(sqlite3.Error):
                yield from database.execute(query, (number,))


def _csv(rows: dict[str, list[tuple[Any, ...]]]) -> str:
    names = dict.fromkeys(name for columns in _COLUMNS.values() for name in columns)
    text = io.StringIO()
    writer = csv.DictWriter(text, ["table", *names], lineterminator="\n")
    writer.writeheader()
    for table, columns in _COLUMNS.items():
        for row in rows[table]:
            writer.writerow({"table": table, **dict(zip(columns, row, strict=True))})
    return text.getvalue()


def _save(run_dir: pathlib.Path, text: str) -> pathlib.Path:
    number = 1
    while True:
        path = run_dir / ("recovered.csv" if number == 1 else f"recovered-{number}.csv")
        # Called at every start of the run: the same rows are not saved again.
        if not path.exists():
            write_atomically(path, text)
        if path.read_bytes() == text.encode():
            return path
        number += 1
