import contextlib
import datetime
import json
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.store import files, schema
from dbal_tf.store import writer as store_module
from dbal_tf.store.reader import RunReader, labels_digest
from dbal_tf.store.writer import FILE_NAME, Execution, Store

_INITIAL = Labels(np.array(["z", "a"]), np.array([3, 1]))
_EVALUATION = Evaluation(0.1 + 0.2, 1 / 3, 1e-17, 0.0, 5e-324, 87.33654475055310)


def _labels(*ids):
    return Labels(np.array(ids), np.arange(len(ids)))


def _point(index, labels=2):
    return CurvePoint(index, labels, _EVALUATION, 2.5, {"train": 0.1, "score": 1 / 7})


def _commit(store, index, *ids):
    bought = _labels(*ids) if ids else None
    query = Query(bought.ids, np.linspace(1, 0, len(ids))) if ids else None
    executions = [Execution("Trainer", 11, 0.25), Execution("Acquirer", 12, 0.5)]
    store.commit(_point(index), query, bought, "dataset", executions, {"saved_model": "x/1"})


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        store.start("--seed=0\n", "c" * 64, {"dbal_tf": "1"}, _INITIAL, "dataset")
        yield store


def _rows(folder, table):
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def _everything(folder):
    tables = ("runs", "rounds", "labels", "executions", "artifacts", "events")
    return {table: _rows(folder, table) for table in tables}


def test_a_run_begins_with_its_initial_labels(store, tmp_path):
    assert store.curve() == []
    assert store.labels().ids.tolist() == ["z", "a"]
    assert store.labels().classes.tolist() == [3, 1]
    assert store.labels().classes.dtype == np.int64
    [(number, _, flags, checksum, versions, names)] = _rows(tmp_path, "runs")
    assert (number, flags, checksum) == (1, "--seed=0\n", "c" * 64)
    assert json.loads(versions) == {"dbal_tf": "1"}
    assert json.loads(names) == []


def test_starting_again_changes_nothing(store, tmp_path):
    _commit(store, 0, "m")
    before = _everything(tmp_path)
    with Store(tmp_path) as again:
        again.start("--seed=9\n", "c" * 64, {}, _labels("other"), "person")
        assert again.labels().ids.tolist() == ["z", "a", "m"]
    assert _everything(tmp_path) == before


def test_a_snapshot_makes_another_store_equal(store, tmp_path):
    _commit(store, 0, "m", "b")
    folder = tmp_path / "other"
    folder.mkdir()
    with Store(folder) as other:
        other.start("--seed=0\n", "c" * 64, {}, _labels("z"), "dataset")
        other.restore(store.snapshot())
        assert other.curve() == store.curve()
        _commit(other, 1, "n")
    with Store(folder) as again:
        assert again.labels().ids.tolist() == ["z", "a", "m", "b", "n"]
    assert store.labels().ids.tolist() == ["z", "a", "m", "b"]


def test_other_data_are_refused(store, tmp_path):
    before = _everything(tmp_path)
    with Store(tmp_path) as again, pytest.raises(InputError) as error:
        again.start("--seed=0\n", "d" * 64, {}, _INITIAL, "dataset")
    assert str(error.value) == (
        f"The data have checksum dddddddddddd, the run in {tmp_path} began with cccccccccccc; "
        "give it the same data or choose another --run_dir."
    )
    assert _everything(tmp_path) == before


def test_labels_come_in_the_order_in_which_they_were_bought(store):
    _commit(store, 0, "y", "b", "x")
    _commit(store, 1, "k", "c")
    _commit(store, 2)
    assert store.labels().ids.tolist() == ["z", "a", "y", "b", "x", "k", "c"]
    assert store.labels().classes.tolist() == [3, 1, 0, 1, 2, 0, 1]


def test_the_curve_reads_back_to_the_last_bit(store, tmp_path):
    _commit(store, 0, "b")
    _commit(store, 1)
    assert store.curve() == [_point(0), _point(1)]
    with Store(tmp_path) as again:
        assert again.curve() == [_point(0), _point(1)]


def test_a_round_is_kept_with_all_its_facts(store, tmp_path):
    _commit(store, 0, "y", "b")
    kept = _everything(tmp_path)
    bought = [(item, *rest) for item, label, *rest in kept["labels"] if rest[0] == 0]
    assert [(item, rank, score) for item, _, rank, score, *_ in sorted(bought)] == [
        ("b", 1, 0.0),
        ("y", 0, 1.0),
    ]
    assert [row[1:] for row in kept["executions"]] == [
        (0, "Trainer", 11, 0.25, ""),
        (0, "Acquirer", 12, 0.5, ""),
    ]
    assert [row[1:4] for row in kept["artifacts"]] == [(0, "saved_model", "x/1")]


@pytest.mark.parametrize(
    "bought",
    [("n", "z"), ("n", "y"), ("n", "o", "n")],
    ids=["an initial item", "an item of another round", "an item twice"],
)
def test_no_item_is_bought_twice_and_a_round_is_all_or_nothing(store, tmp_path, bought):
    _commit(store, 0, "y")
    before = _everything(tmp_path)
    with pytest.raises(sqlite3.IntegrityError, match=r"labels\.item"):
        _commit(store, 1, *bought)
    assert _everything(tmp_path) == before
    _commit(store, 1, "n")
    assert store.labels().ids.tolist() == ["z", "a", "y", "n"]


def test_a_round_happens_once(store, tmp_path):
    _commit(store, 0, "y")
    before = _everything(tmp_path)
    with pytest.raises(sqlite3.IntegrityError, match=r"rounds\.round"):
        _commit(store, 0, "n")
    assert _everything(tmp_path) == before


def test_what_fails_in_the_last_statement_undoes_the_first(store, tmp_path):
    before = _everything(tmp_path)
    with pytest.raises(sqlite3.IntegrityError):
        store.commit(_point(0), None, None, "dataset", [], {"saved_model": None})
    assert _everything(tmp_path) == before


def test_a_start_that_fails_leaves_a_store_that_can_start(tmp_path):
    with Store(tmp_path) as store:
        with pytest.raises(sqlite3.IntegrityError):
            store.start("", "c", {}, _labels("a", "a"), "dataset")
        store.start("", "c", {}, _labels("a", "b"), "dataset")
        assert store.labels().ids.tolist() == ["a", "b"]


def test_a_last_round_that_bought_nothing_is_taken_back(store, tmp_path):
    _commit(store, 0, "y")
    _commit(store, 1)
    store.reopen_last()
    assert store.curve() == [_point(0)]
    assert {row[1] for row in _rows(tmp_path, "executions")} == {0}
    assert {row[1] for row in _rows(tmp_path, "artifacts")} == {0}
    assert store.labels().ids.tolist() == ["z", "a", "y"]


def test_rounds_that_bought_are_never_taken_back(store, tmp_path):
    store.reopen_last()
    _commit(store, 0, "y")
    before = _everything(tmp_path)
    store.reopen_last()
    assert _everything(tmp_path) == before


def test_events_are_noted_with_their_time(store, tmp_path):
    store.record_event("start", "round 0")
    store.record_event("resume", "round 4")
    events = _rows(tmp_path, "events")
    assert [row[2:] for row in events] == [("start", "round 0"), ("resume", "round 4")]
    assert all(row[1].endswith("+00:00") for row in events)


def test_what_is_committed_survives_a_process_that_never_closes(store, tmp_path):
    _commit(store, 0, "y")
    with Store(tmp_path) as other:
        assert other.labels().ids.tolist() == ["z", "a", "y"]


def test_a_round_names_the_versions_and_the_labels_that_made_it(store, tmp_path):
    _commit(store, 0, "y")
    with Store(tmp_path) as later:
        later.start("--seed=0\n", "c" * 64, {"dbal_tf": "2"}, _INITIAL, "dataset")
        _commit(later, 1)
        first, second = RunReader.open(tmp_path).rounds()
        assert (first.versions, second.versions) == ({"dbal_tf": "1"}, {"dbal_tf": "2"})
        assert first.labels_sha256 == labels_digest(_INITIAL)
        assert second.labels_sha256 == labels_digest(later.labels()) != first.labels_sha256


def test_artifacts_have_their_checksum(store, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "1").write_text("exported")
    _commit(store, 0)
    [artifact] = RunReader.open(tmp_path).artifacts()
    assert artifact.sha256 == files.digest(tmp_path / "x" / "1")


def test_splits_are_kept_whatever_their_order(tmp_path):
    splits = {"pool": ["b", "a\nc"], "train": ["b", "a\nc", "z"]}
    with Store(tmp_path) as store:
        store.start("", "c", {}, _INITIAL, "dataset", ("cat", "dog"), splits)
    records = RunReader.open(tmp_path)
    kept = records.splits()
    assert records.run().class_names == ("cat", "dog")
    assert (kept["pool"].items, kept["pool"].ids) == (2, ("a\nc", "b"))
    assert (kept["train"].items, kept["train"].ids) == (3, None)


@pytest.mark.parametrize("state", ["skipped", "unsure", "withdrawn"])
def test_only_what_is_labelled_is_learnt_and_nothing_is_asked_again(store, tmp_path, state):
    _commit(store, 0, "y", "b")
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE labels SET state = ? WHERE item = 'y'", (state,))
        connection.commit()
    assert store.labels().ids.tolist() == ["z", "a", "b"]
    assert store.labels(every_state=True).ids.tolist() == ["z", "a", "y", "b"]


def test_a_clock_that_is_set_back_changes_no_order(tmp_path, monkeypatch):
    hours = iter(range(10_000, 0, -1))
    epoch = datetime.datetime(2030, 1, 1)
    monkeypatch.setattr(
        store_module, "_now", lambda: str(epoch + datetime.timedelta(hours=next(hours)))
    )
    with Store(tmp_path) as store:
        store.start("", "c", {}, _INITIAL, "dataset")
        for index, items in enumerate([("y", "b"), ("x", "k"), ()]):
            _commit(store, index, *items)
        store.record_event("resume", "round 2")
        assert store.labels().ids.tolist() == ["z", "a", "y", "b", "x", "k"]
        assert [point.round for point in store.curve()] == [0, 1, 2]
        store.reopen_last()
        assert [point.round for point in store.curve()] == [0, 1]


def _damage(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * 600)


@pytest.fixture
def large(tmp_path):
    """The folder of a store of many pages, closed."""
    with Store(tmp_path) as store:
        store.start("", "c", {}, _labels(*(f"item-{n:05d}" for n in range(2000))), "dataset")
        _commit(store, 0, "y", "b")
    return tmp_path


def test_a_damaged_store_is_named_and_what_can_be_read_is_saved(large):
    path = large / FILE_NAME
    _damage(path, path.stat().st_size // 2 // 4096 * 4096)
    damaged = path.read_bytes()
    with pytest.raises(
        InputError, match=r"metadata\.db is damaged \(.*\); (\d+) labels"
    ) as error:
        Store(large)
    assert "put it back from a copy or choose another --run_dir." in str(error.value)
    assert path.read_bytes() == damaged
    lines = (large / "recovered.csv").read_text().splitlines()
    labels = [line for line in lines if line.startswith("labels,")]
    assert f"; {len(labels)} labels and 1 rounds" in str(error.value)
    assert len(labels) > 1500


def test_a_file_that_is_no_database_is_damaged(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"thesis " * 999)
    with pytest.raises(
        InputError, match=r"is damaged \(file is not a database\); nothing of it"
    ):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == b"thesis " * 999


def test_a_store_of_a_newer_version_is_left_alone(store, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = _everything(tmp_path)
    with pytest.raises(InputError) as error:
        Store(tmp_path)
    assert str(error.value) == (
        f"{tmp_path / FILE_NAME} has schema 99, this version of dbal_tf knows up to "
        f"{schema.VERSION}; use the version that wrote it or choose another --run_dir."
    )
    assert _everything(tmp_path) == before


def test_a_database_of_another_program_is_left_alone(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE books (title TEXT)")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(InputError, match="is a database of another program"):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_full_disk_undoes_the_round_and_says_so(store, tmp_path):
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    before = _everything(tmp_path)
    many = [f"item-{number}" for number in range(2000)]
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        _commit(store, 0, *many)
    assert _everything(tmp_path) == before
    store._connection.execute("PRAGMA max_page_count = 100000")
    _commit(store, 0, *many)
    assert len(store.labels()) == 2002
