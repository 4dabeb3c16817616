"""A store that is damaged, of another version or on a full disk is left as it is."""

import contextlib
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.store import schema
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Execution, Store

_RUN = RunRecord("--seed=0\n", "c" * 64, {"dbal_tf": "1"}, ("cat", "dog"))
_POINT = CurvePoint(0, 2, Evaluation(0.5, 1.0, 0.5, 0.25, 0.5, 1.0), 2.5, {"train": 0.5})


def _labels(*ids):
    return Labels(np.array(ids), np.arange(len(ids)))


def _ask(store, *ids):
    query = Query(np.array(ids), np.linspace(1, 0, len(ids)))
    store.ask(_POINT, query, [Execution("Trainer", {"fit": 11}, 0.25)], {})


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        store.start(_RUN, _labels("z", "a"), "dataset", {})
        yield store


def _rows(folder, table):
    with contextlib.closing(sqlite3.connect(folder / STORE_FILE)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def _everything(folder):
    tables = ("runs", "splits", "rounds", "queries", "answers", "executions", "artifacts")
    return {table: _rows(folder, table) for table in (*tables, "events")}


def _damage(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * 600)


@pytest.fixture
def large(tmp_path):
    """The folder of a store of many pages, closed."""
    with Store(tmp_path) as store:
        initial = _labels(*(f"item-{n:05d}" for n in range(2000)))
        store.start(_RUN, initial, "dataset", {})
        _ask(store, "y", "b")
        store.tell(_labels("y", "b"), "dataset")
    return tmp_path


def test_a_damaged_store_is_named_and_what_can_be_read_is_saved(large):
    path = large / STORE_FILE
    _damage(path, path.stat().st_size // 2 // 4096 * 4096)
    damaged = path.read_bytes()
    with pytest.raises(
        InputError, match=r"metadata\.db is damaged \(.*\); (\d+) labels"
    ) as error:
        Store(large)
    assert "put it back from a copy or choose another --run_dir." in str(error.value)
    assert path.read_bytes() == damaged
    lines = (large / "recovered.csv").read_text().splitlines()
    answers = [line for line in lines if line.startswith("answers,")]
    assert f"; {len(answers)} labels and 1 rounds" in str(error.value)
    assert len(answers) > 1500


def test_a_file_that_is_no_database_is_damaged(tmp_path):
    (tmp_path / STORE_FILE).write_bytes(b"thesis " * 999)
    with pytest.raises(
        InputError, match=r"is damaged \(file is not a database\); nothing of it"
    ):
        Store(tmp_path)
    assert (tmp_path / STORE_FILE).read_bytes() == b"thesis " * 999


@pytest.mark.parametrize("version", [1, 2, 99])
def test_a_store_of_another_schema_is_left_alone(store, tmp_path, version):
    with contextlib.closing(sqlite3.connect(tmp_path / STORE_FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = _everything(tmp_path)
    with pytest.raises(InputError) as error:
        Store(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / STORE_FILE} has schema {version}, this version of dbal_tf reads schema "
        f"{schema.VERSION}; use the version that wrote it or choose another --run_dir."
    )
    assert _everything(tmp_path) == before


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / STORE_FILE)) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")
    before = (tmp_path / STORE_FILE).read_bytes()
    with pytest.raises(InputError, match="is a database of another program"):
        Store(tmp_path)
    assert (tmp_path / STORE_FILE).read_bytes() == before


def test_a_full_disk_undoes_the_transaction_and_says_so(store, tmp_path):
    def limit(pages):
        store._connection.execute(f"PRAGMA max_page_count = {pages}")

    def pages():
        return store._connection.execute("PRAGMA page_count").fetchone()[0]

    many = [f"item-{number}" for number in range(2000)]
    for act in (
        lambda: _ask(store, *many),
        lambda: store.tell(_labels(*many), "dataset"),
    ):
        limit(pages())
        before = _everything(tmp_path)
        with pytest.raises(sqlite3.OperationalError, match="disk is full"):
            act()
        assert _everything(tmp_path) == before
        limit(100_000)
        act()
    assert len(store.reader.labels()) == 2002
