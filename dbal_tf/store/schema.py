"""The store's tables and how those of older versions become today's."""

import pathlib
import sqlite3
from collections.abc import Callable
from typing import Any

from dbal_tf.core import InputError

FILE_NAME = "metadata.db"
LABEL_STATES = ("labelled", "skipped", "unsure", "withdrawn")

# Step k brings a database of version k to version k + 1.
_STEPS = (
    """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY CHECK (id = 1), started TEXT NOT NULL, flags TEXT NOT NULL,
    dataset_checksum TEXT NOT NULL, versions TEXT NOT NULL);
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY, committed TEXT NOT NULL, labels INTEGER NOT NULL,
    evaluation TEXT NOT NULL, weight_decay REAL NOT NULL, seconds TEXT NOT NULL);
CREATE TABLE labels (
    item TEXT PRIMARY KEY, class INTEGER NOT NULL, round INTEGER, rank INTEGER NOT NULL,
    score REAL, annotator TEXT NOT NULL, time TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE executions (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, component TEXT NOT NULL,
    seed INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, kind TEXT NOT NULL, uri TEXT NOT NULL,
    time TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL)
""",
    """
ALTER TABLE runs ADD COLUMN class_names TEXT;
ALTER TABLE rounds ADD COLUMN versions TEXT;
ALTER TABLE rounds ADD COLUMN labels_sha256 TEXT;
ALTER TABLE labels ADD COLUMN entropy REAL;
ALTER TABLE executions ADD COLUMN purpose TEXT;
ALTER TABLE artifacts ADD COLUMN sha256 TEXT;
CREATE TABLE splits (
    split TEXT PRIMARY KEY, items INTEGER NOT NULL, sha256 TEXT NOT NULL, ids BLOB)
""",
)
VERSION = len(_STEPS)


def read_only(path: pathlib.Path) -> sqlite3.Connection:
    """Opens a store for reading; leaves no file beside it."""
    # Without a write-ahead log nobody writes, and the folder may be read-only.
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True)


def version(connection: sqlite3.Connection) -> int:
    """Returns the schema's version of a database; 0 of an empty one."""
    return connection.execute("PRAGMA user_version").fetchone()[0]


def upgrade(run: Callable[[str], Any], since: int) -> None:
    """Brings the tables of a version to today's.

    Args:
        run: Executes a statement inside a transaction.
        since: The version that the database has; 0 makes all tables.
    """
    for step in _STEPS[since:]:
        for statement in step.split(";\n"):
            run(statement)
    run(f"PRAGMA user_version = {VERSION}")


def check(connection: sqlite3.Connection, path: pathlib.Path) -> None:
    """Checks that a database is whole, a run's store, and not of a newer version.

    Raises:
        sqlite3.DatabaseError: It is damaged.
        InputError: It is of a newer version, or of another program.
    """
    [(found,), *_] = connection.execute("PRAGMA quick_check(1)")
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(found.split()))
    number = version(connection)
    if number > VERSION:
        raise InputError(
            f"{path} has schema {number}, this version of dbal_tf knows up to {VERSION}; "
            "use the version that wrote it or choose another --run_dir."
        )
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if tables and not number:
        raise InputError(
            f"{path} is a database of another program, expected a run's store; "
            "choose another --run_dir."
        )
