import contextlib
import json
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.store import FILE_NAME, Execution, Store

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
    [(number, _, flags, checksum, versions)] = _rows(tmp_path, "runs")
    assert (number, flags, checksum) == (1, "--seed=0\n", "c" * 64)
    assert json.loads(versions) == {"dbal_tf": "1"}


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
        (0, "Trainer", 11, 0.25),
        (0, "Acquirer", 12, 0.5),
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
