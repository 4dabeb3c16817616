import contextlib
import sqlite3

import pytest

from dbal_tf.core import InputError
from dbal_tf.store import schema
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.reader import RunReader
from dbal_tf.store.writer import Store

_OF_ROUNDS = ("queries", "answers", "executions", "artifacts")
_TABLES = ("runs", "splits", "rounds", "begun", "events", *_OF_ROUNDS)


@pytest.fixture
def database():
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def test_an_empty_database_becomes_a_store(database, tmp_path):
    assert schema.is_empty(database)
    schema.check(database, tmp_path)
    schema.create(database.execute)
    assert not schema.is_empty(database)
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert {name for (name,) in names} == set(_TABLES)
    assert database.execute("PRAGMA user_version").fetchone() == (schema.VERSION,) == (4,)
    schema.check(database, tmp_path)


def test_a_store_of_before_gets_its_index_and_stays_of_its_version(finished_run):
    with contextlib.closing(sqlite3.connect(finished_run / STORE_FILE)) as database:
        database.execute("DROP INDEX queries_item")
        RunReader(database).asked()
    with Store(finished_run):
        pass
    with contextlib.closing(sqlite3.connect(finished_run / STORE_FILE)) as database:
        plan = "EXPLAIN QUERY PLAN SELECT MAX(round), COUNT(*) FROM queries WHERE item = 'a'"
        assert "queries_item" in str(database.execute(plan).fetchall())
        assert database.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_whatever_names_a_round_refers_to_it(database):
    schema.create(database.execute)
    keys = {
        (table, *key[2:5])
        for table in _TABLES
        for key in database.execute(f"PRAGMA foreign_key_list({table})")
    }
    assert keys == {
        *((table, "rounds", "round", "round") for table in _OF_ROUNDS),
        ("answers", "answers", "corrects", "id"),
    }


@pytest.mark.parametrize("version", [1, 2, 99])
def test_a_store_of_another_version_is_refused_in_a_sentence(finished_run, version):
    path = finished_run / STORE_FILE
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    for open_store in (RunReader.open, Store):
        with pytest.raises(InputError) as error:
            open_store(finished_run)
        assert str(error.value) == (
            f"{path} has schema {version}, this version of dbal_tf reads schema 4; use the "
            "version that wrote it or choose another --run_dir."
        )
    assert path.read_bytes() == before


def test_an_empty_database_of_another_version_is_refused(database, tmp_path):
    database.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError, match="has schema 2, this version of dbal_tf reads schema"):
        schema.check(database, tmp_path)


def test_a_database_of_another_program_is_refused(database, tmp_path):
    database.execute("CREATE TABLE books (title TEXT)")
    with pytest.raises(InputError, match="is a database of another program, expected a run's"):
        schema.check(database, tmp_path)


def test_damage_is_told_before_the_version(finished_run):
    path = finished_run / STORE_FILE
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    content[60:64] = (99).to_bytes(4, "big")  # user_version
    path.write_bytes(content)
    with (
        contextlib.closing(schema.read_only(path)) as connection,
        pytest.raises(sqlite3.DatabaseError) as error,
    ):
        schema.check(connection, path)
    assert "\n" not in str(error.value)


def test_reading_leaves_no_file_and_writes_none(finished_run):
    before = sorted(path.name for path in finished_run.iterdir())
    with contextlib.closing(schema.read_only(finished_run / STORE_FILE)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM answers").fetchone() == (7,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM answers")
    assert sorted(path.name for path in finished_run.iterdir()) == before


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store._connection.execute(
            "INSERT INTO answers VALUES (99, 'train-9', 0, 'labelled', 7, '', 0, '', NULL)"
        ),
        lambda store: store.add_artifact(7, "query", "rounds/0001/query.csv"),
        lambda store: store._connection.execute(
            "INSERT INTO queries VALUES (7, 0, 'train-9', 0, 0, 0)"
        ),
        lambda store: store._connection.execute(
            "INSERT INTO executions VALUES (99, 7, 'Trainer', '{}', 0)"
        ),
        lambda store: store._connection.execute("DELETE FROM rounds WHERE round = 1"),
    ],
    ids=["answers", "artifacts", "queries", "executions", "rounds"],
)
def test_what_belongs_to_no_round_is_refused(finished_run, write):
    with Store(finished_run) as store:
        before = store.snapshot()
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            write(store)
        assert store.snapshot() == before


def test_an_answer_corrects_one_that_there_is_and_that_nothing_else_corrects(finished_run):
    insert = (
        "INSERT INTO answers (item, class, state, annotator, time, corrects)"
        " VALUES ('train-0', 0, 'labelled', 'person', 'then', ?)"
    )
    with Store(finished_run) as store:
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            store._connection.execute(insert, (99,))
        store._connection.execute(insert, (1,))
        with pytest.raises(sqlite3.IntegrityError, match=r"answers\.corrects"):
            store._connection.execute(insert, (1,))
