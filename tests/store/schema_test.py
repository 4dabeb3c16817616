import contextlib
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.store import schema
from dbal_tf.store.reader import RunReader
from dbal_tf.store.writer import FILE_NAME, Store


def _tables(connection):
    names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master ORDER BY 1")]
    return {
        name: [row[1:] for row in connection.execute(f"PRAGMA table_info({name})")]
        for name in names
        if not name.startswith("sqlite_")
    }


def _of_version(number, path=":memory:"):
    connection = sqlite3.connect(path, isolation_level=None)
    for step in schema._STEPS[:number]:
        connection.executescript(step)
    connection.execute(f"PRAGMA user_version = {number}")
    return connection


@pytest.mark.parametrize("number", range(1, schema.VERSION + 1))
def test_every_version_becomes_todays(number):
    with (
        contextlib.closing(_of_version(number)) as old,
        contextlib.closing(_of_version(0)) as new,
    ):
        for connection in (old, new):
            schema.upgrade(connection.execute, schema.version(connection))
            assert schema.version(connection) == schema.VERSION
        assert _tables(old) == _tables(new)
        assert set(_tables(new)) == {
            *("runs", "rounds", "labels", "executions", "artifacts", "events", "splits")
        }


@pytest.fixture
def first(tmp_path):
    """The folder of a run of the first version: two labels, one round."""
    with contextlib.closing(_of_version(1, tmp_path / FILE_NAME)) as old:
        old.execute(
            "INSERT INTO runs VALUES (1, 'then', '--seed=3', 'c', '{\"dbal_tf\": \"0\"}')"
        )
        old.executemany(
            "INSERT INTO labels VALUES (?, ?, ?, ?, ?, 'dataset', 'then', 'labelled')",
            [("a", 1, None, 0, None), ("b", 0, 0, 0, 0.5)],
        )
        evaluation = '{"error": 0.5, "nll": 1.0, "brier": 0.5, "ece": 0.1, '
        evaluation += '"deterministic_error": 0.5, "deterministic_nll": 1.0}'
        old.execute(
            "INSERT INTO rounds VALUES (0, 'then', 1, ?, 2.5, '{}')",
            (evaluation,),
        )
        old.execute("INSERT INTO executions VALUES (1, 0, 'Trainer', 11, 0.5)")
        old.execute("INSERT INTO artifacts VALUES (1, 0, 'saved_model', 'export/0', 'then')")
    return tmp_path


def test_a_run_of_the_first_version_goes_on(first):
    with Store(first) as store:
        store.start("--seed=3", "c", {"dbal_tf": "1"}, Labels(np.array([]), None), "dataset")
        assert store.labels().ids.tolist() == ["a", "b"]
        assert [point.round for point in store.curve()] == [0]
        assert schema.version(store._connection) == schema.VERSION


def test_reading_a_run_of_the_first_version_leaves_it_so(first):
    before = (first / FILE_NAME).read_bytes()
    records = RunReader.open(first)
    assert records.rounds()[0].versions is None
    assert records.executions()[0].purpose is None
    assert records.artifacts()[0].sha256 is None
    assert (records.splits(), records.run().class_names) == ({}, ())
    assert (first / FILE_NAME).read_bytes() == before
