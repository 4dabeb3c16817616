"""The tables of the store, and the check of a database against them."""

import pathlib
import sqlite3
from collections.abc import Callable
from typing import Any

from dbal_tf.core import InputError

VERSION = 4

# Executions, artifacts and events as in TFX's ML Metadata. Answers are append-only, so
# that the labels of every past model can be listed: a correction is another row that
# refers to the one before. `corrects` is UNIQUE, so that corrections form a chain. A round of
# NULL is the start: what was known, and what was asked for, before the first model.
_TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    started TEXT NOT NULL,
    flags TEXT NOT NULL,
    dataset_checksum TEXT NOT NULL,
    versions TEXT NOT NULL,
    class_names TEXT NOT NULL);
CREATE TABLE splits (
    split TEXT PRIMARY KEY,
    items INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    ids BLOB);
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY,
    asked TEXT NOT NULL,
    labels INTEGER NOT NULL,
    labels_sha256 TEXT NOT NULL,
    evaluation TEXT NOT NULL,
    weight_decay REAL NOT NULL,
    seconds TEXT NOT NULL,
    versions TEXT NOT NULL);
CREATE TABLE begun (
    round INTEGER PRIMARY KEY,
    last_answer INTEGER NOT NULL);
CREATE TABLE queries (
    round INTEGER REFERENCES rounds (round),
    rank INTEGER NOT NULL,
    item TEXT NOT NULL,
    score REAL,
    standard_error REAL,
    entropy REAL,
    PRIMARY KEY (round, rank),
    UNIQUE (round, item));
CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    item TEXT NOT NULL,
    class INTEGER,
    state TEXT NOT NULL,
    round INTEGER REFERENCES rounds (round),
    annotator TEXT NOT NULL,
    seconds REAL,
    time TEXT NOT NULL,
    corrects INTEGER UNIQUE REFERENCES answers (id));
CREATE INDEX answers_item ON answers (item);
CREATE TABLE executions (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL REFERENCES rounds (round),
    component TEXT NOT NULL,
    seeds TEXT NOT NULL,
    seconds REAL NOT NULL);
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY,
    round INTEGER NOT NULL REFERENCES rounds (round),
    kind TEXT NOT NULL,
    uri TEXT NOT NULL,
    time TEXT NOT NULL,
    sha256 TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL)
"""


# The first stores of this version lack it. It needs no new version: an index does not change
# what is stored, and SQLite keeps it up to date for older versions of this program too.
_LATER_INDEX = "CREATE INDEX IF NOT EXISTS queries_item ON queries (item)"


def read_only(path: pathlib.Path) -> sqlite3.Connection:
    """Opens a store for reading, without creating files beside it."""
    # Without a write-ahead log nobody is writing, so the file can be opened as immutable.
    # Only then does SQLite need no other files, which a read-only folder would refuse.
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Returns whether a database has no table yet."""
    return not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]


def create(run: Callable[[str], Any]) -> None:
    """Creates all tables in an empty database.

    Args:
        run: Executes a statement inside a transaction.
    """
    for statement in _TABLES.split(";\n"):
        run(statement)
    run(_LATER_INDEX)
    run(f"PRAGMA user_version = {VERSION}")


def add_indexes(connection: sqlite3.Connection) -> None:
    """Adds an index that the first stores of this version lack."""
    if not is_empty(connection):
        connection.execute(_LATER_INDEX)


def check(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Checks that a database is undamaged, and is empty or a store of this version.

    Raises:
        sqlite3.DatabaseError: It is damaged.
        InputError: It is of another version, or of another program.
    """
    # quick_check skips the comparison of indexes with tables, which takes most of the time.
    [(found,), *_] = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(found.split()))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION or (is_empty(connection) and not version):
        return
    if not version:
        raise InputError(
            f"{path} is a database of another program, expected a run's store; "
            "choose another --run_dir."
        )
    raise InputError(
        f"{path} has schema {version}, this version of dbal_tf reads schema {VERSION}; "
        "use the version that wrote it or choose another --run_dir."
    )
