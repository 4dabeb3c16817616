import contextlib
import datetime
import json
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.store import files
from dbal_tf.store import writer as store_module
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import RunRecord, labels_digest
from dbal_tf.store.writer import Execution, Store

_INITIAL = Labels(np.array(["z", "a"]), np.array([3, 1]))
_EVALUATION = Evaluation(0.1 + 0.2, 1 / 3, 1e-17, 0.0, 5e-324, 87.33654475055310)
_RUN = RunRecord("--seed=0\n", "c" * 64, {"dbal_tf": "1"}, ("cat", "dog"))


def _labels(*ids):
    return Labels(np.array(ids, np.str_), np.arange(len(ids)))


def _point(index, labels=2):
    return CurvePoint(index, labels, _EVALUATION, 2.5, {"train": 0.1, "score": 1 / 7})


def _query(*ids):
    return Query(np.array(ids), np.linspace(1, 0, len(ids)))


def _ask(store, index, *ids, artifacts=None):
    executions = [Execution("Trainer", {"fit": 11}, 0.25), Execution("Chooser", {}, 0.5)]
    store.ask(_point(index), _query(*ids) if ids else None, executions, artifacts or {})


def _commit(store, index, *ids):
    _ask(store, index, *ids)
    if ids:
        store.tell(_labels(*ids), "dataset")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as store:
        store.start(_RUN, _INITIAL, "dataset", {})
        yield store


def _ids(store):
    return store.reader.labels().ids.tolist()


def _rows(folder, table):
    with contextlib.closing(sqlite3.connect(folder / STORE_FILE)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def _everything(folder):
    tables = ("runs", "splits", "rounds", "queries", "answers", "executions", "artifacts")
    return {table: _rows(folder, table) for table in (*tables, "events")}


def test_a_run_begins_with_its_initial_labels(store, tmp_path):
    assert store.reader.curve() == []
    assert _ids(store) == ["z", "a"]
    assert store.reader.labels().classes.tolist() == [3, 1]
    assert store.reader.labels().classes.dtype == np.int64
    [(number, _, flags, checksum, versions, names)] = _rows(tmp_path, "runs")
    assert (number, flags, checksum) == (1, "--seed=0\n", "c" * 64)
    assert json.loads(versions) == {"dbal_tf": "1"}
    assert json.loads(names) == ["cat", "dog"]


def test_starting_again_changes_nothing(store, tmp_path):
    _commit(store, 0, "m")
    before = _everything(tmp_path)
    with Store(tmp_path) as again:
        other = RunRecord("--seed=9\n", "c" * 64, {}, ())
        again.start(other, _labels("other"), "person", {"pool": ["m"]})
        assert _ids(again) == ["z", "a", "m"]
    assert _everything(tmp_path) == before


def test_a_snapshot_makes_another_store_equal(store, tmp_path):
    _commit(store, 0, "m", "b")
    folder = tmp_path / "other"
    folder.mkdir()
    with Store(folder) as other:
        other.start(_RUN, _labels("z"), "dataset", {})
        other.restore(store.snapshot())
        assert other.reader.rounds() == store.reader.rounds()
        assert other.reader.answers() == store.reader.answers()
        _commit(other, 1, "n")
    with Store(folder) as again:
        assert _ids(again) == ["z", "a", "m", "b", "n"]
    assert _ids(store) == ["z", "a", "m", "b"]


def test_other_data_are_refused(store, tmp_path):
    before = _everything(tmp_path)
    with Store(tmp_path) as again, pytest.raises(InputError) as error:
        again.start(RunRecord("--seed=0\n", "d" * 64, {}, ()), _INITIAL, "dataset", {})
    assert str(error.value) == (
        f"The data have checksum dddddddddddd, the run in {tmp_path} began with cccccccccccc; "
        "give it the same data or choose another --run_dir."
    )
    assert _everything(tmp_path) == before


def test_labels_come_in_the_order_in_which_they_were_asked_for(store):
    _ask(store, 0, "y", "b", "x")
    store.tell(Labels(np.array(["x", "b"]), np.array([2, 1])), "person")
    store.tell(Labels(np.array(["y"]), np.array([0])), "person")
    _commit(store, 1, "k", "c")
    _commit(store, 2)
    assert _ids(store) == ["z", "a", "y", "b", "x", "k", "c"]
    assert store.reader.labels().classes.tolist() == [3, 1, 0, 1, 2, 0, 1]


def test_the_curve_reads_back_to_the_last_bit(store, tmp_path):
    _commit(store, 0, "b")
    _commit(store, 1)
    assert store.reader.curve() == [_point(0), _point(1)]
    with Store(tmp_path) as again:
        assert again.reader.curve() == [_point(0), _point(1)]


def test_a_round_is_kept_with_all_its_facts(store, tmp_path):
    (tmp_path / "scores").touch()
    query = Query(np.array(["y", "b"]), np.array([1.0, 0.0]), np.array([0.5, 0.25]))
    executions = [Execution("Trainer", {"fit": 11}, 0.25), Execution("Chooser", {}, 0.5)]
    store.ask(_point(0), query, executions, {"scores": "scores"})
    store.tell(Labels.from_answers({"b": 4, "y": "unsure"}), "person", 3.0)
    kept = _everything(tmp_path)
    assert kept["queries"] == [(0, 0, "y", 1.0, 0.5, None), (0, 1, "b", 0.0, 0.25, None)]
    answers = [(*row[1:7], row[8]) for row in kept["answers"][2:]]
    assert answers == [
        ("b", 4, "labelled", 0, "person", 1.5, None),
        ("y", None, "unsure", 0, "person", 1.5, None),
    ]
    assert [row[1:] for row in kept["executions"]] == [
        (0, "Trainer", '{"fit": 11}', 0.25),
        (0, "Chooser", "{}", 0.5),
    ]
    assert [row[1:4] for row in kept["artifacts"]] == [(0, "scores", "scores")]


def test_the_seconds_of_a_rounds_answers_are_those_of_its_label_phase(store):
    _commit(store, 0, "y", "b", "x")
    assert "label" not in store.reader.curve()[0].seconds
    store.tell(_labels("y", "b"), "person", 3.0)
    store.tell(_labels("x"), "person", 0.5)
    _ask(store, 1)
    store.tell(_labels("b"), "person", 7.0)
    store.tell(_labels(), "person", 9.0)
    assert [point.seconds.get("label") for point in store.reader.curve()] == [3.5, 7.0]


def test_an_item_is_told_once_at_a_time_and_all_or_nothing(store, tmp_path):
    _ask(store, 0, "y", "b")
    before = _everything(tmp_path)
    with pytest.raises(ValueError, match="An item is given twice; expected one answer"):
        store.tell(_labels("b", "y", "b"), "person")
    assert _everything(tmp_path) == before


def test_a_query_asks_once_for_an_item_and_is_all_or_nothing(store, tmp_path):
    _commit(store, 0, "y")
    before = _everything(tmp_path)
    with pytest.raises(sqlite3.IntegrityError, match=r"queries\.round, queries\.item"):
        _ask(store, 1, "n", "o", "n")
    assert _everything(tmp_path) == before
    _commit(store, 1, "n")
    assert _ids(store) == ["z", "a", "y", "n"]


def test_a_round_asks_once(store, tmp_path):
    _ask(store, 0, "y")
    for _ in range(2):
        before = _everything(tmp_path)
        for ids in (("n",), ()):
            with pytest.raises(ValueError, match=r"Round 0 has asked already\."):
                _ask(store, 0, *ids)
        assert _everything(tmp_path) == before
        store.tell(_labels("y"), "dataset")


def test_another_answer_to_an_item_corrects_the_last_one(store, tmp_path):
    _commit(store, 0, "y", "b")
    _ask(store, 1, "k")
    store.tell(Labels.from_answers({"y": 5, "k": 2, "a": 0}), "person")
    store.tell(Labels.from_answers({"y": 6}), "person")
    chain = [(row[0], row[1], row[2], row[8]) for row in _rows(tmp_path, "answers")]
    assert chain == [
        *((1, "z", 3, None), (2, "a", 1, None), (3, "y", 0, None), (4, "b", 1, None)),
        *((5, "y", 5, 3), (6, "k", 2, None), (7, "a", 0, 2), (8, "y", 6, 5)),
    ]
    assert store.reader.labels(before=1).classes.tolist() == [3, 1, 0, 1]
    assert store.reader.labels(before=2).ids.tolist() == ["z", "a", "y", "b", "k"]
    assert store.reader.labels(before=2).classes.tolist() == [3, 0, 6, 1, 2]


def test_what_fails_in_the_last_statement_undoes_the_first(store, tmp_path, monkeypatch):
    (tmp_path / "x").touch()
    before = _everything(tmp_path)
    monkeypatch.setattr(store, "_digest", lambda uri: None)
    with pytest.raises(sqlite3.IntegrityError, match=r"artifacts\.sha256"):
        _ask(store, 0, "y", artifacts={"saved_model": "x"})
    assert _everything(tmp_path) == before


def test_an_artifact_that_is_not_there_is_not_noted(store, tmp_path):
    before = _everything(tmp_path)
    with pytest.raises(FileNotFoundError):
        _ask(store, 0, "y", artifacts={"saved_model": "absent"})
    assert _everything(tmp_path) == before


def test_a_start_that_fails_leaves_a_store_that_can_start(tmp_path):
    with Store(tmp_path) as store:
        with pytest.raises(ValueError, match="given twice"):
            store.start(_RUN, _labels("a", "a"), "dataset", {})
        assert not store.reader.has_begun()
        store.start(_RUN, _labels("a", "b"), "dataset", {})
        assert _ids(store) == ["a", "b"]


def test_a_last_round_that_only_measured_is_asked_again_with_a_query(store, tmp_path):
    (tmp_path / "x").touch()
    _commit(store, 0, "y")
    _ask(store, 1, artifacts={"saved_model": "x"})
    store.tell(Labels.from_answers({"y": 5, "z": "skipped"}), "person", 4.0)
    corrected = _rows(tmp_path, "answers")
    later = CurvePoint(1, 3, _EVALUATION, 1.5, {"train": 9.0})
    executions = [Execution("Evaluator", {"test": 3}, 1.0)]
    store.ask(later, _query("n", "k"), executions, {})
    assert _rows(tmp_path, "answers") == corrected
    told = CurvePoint(1, 3, _EVALUATION, 1.5, {"train": 9.0, "label": 4.0})
    assert store.reader.curve() == [_point(0), told]
    last = [row[2] for row in _rows(tmp_path, "executions") if row[1] == 1]
    assert last == ["Evaluator"]
    assert _rows(tmp_path, "artifacts") == []
    assert store.reader.pending(2).ids.tolist() == ["n", "k"]
    assert store.reader.rounds()[1].labels_sha256 == labels_digest(
        store.reader.labels(before=1)
    )
    store.tell(_labels("n", "k"), "dataset")
    assert _ids(store) == ["a", "y", "n", "k"]
    assert store.reader.labels(before=1).ids.tolist() == ["z", "a", "y"]
    with pytest.raises(ValueError, match="Round 1 has asked already"):
        _ask(store, 1, "o")


def test_events_are_noted_with_their_time(store, tmp_path):
    store.record_event("start", "round 0")
    store.record_event("resume", "round 4")
    events = _rows(tmp_path, "events")
    assert [row[2:] for row in events] == [("start", "round 0"), ("resume", "round 4")]
    assert all(row[1].endswith("+00:00") for row in events)


def test_what_is_committed_survives_a_process_that_never_closes(store, tmp_path):
    _ask(store, 0, "y", "b")
    store.tell(_labels("y"), "person")
    with Store(tmp_path) as other:
        assert _ids(other) == ["z", "a", "y"]
        assert other.reader.pending(2).ids.tolist() == ["b"]


def test_a_round_names_the_versions_and_the_labels_that_made_it(store, tmp_path):
    _commit(store, 0, "y")
    with Store(tmp_path) as later:
        newer = RunRecord("--seed=0\n", "c" * 64, {"dbal_tf": "2"}, ())
        later.start(newer, _INITIAL, "dataset", {})
        _commit(later, 1)
        first, second = RunReader.open(tmp_path).rounds()
        assert (first.versions, second.versions) == ({"dbal_tf": "1"}, {"dbal_tf": "2"})
        assert first.labels_sha256 == labels_digest(_INITIAL)
        assert second.labels_sha256 == labels_digest(later.reader.labels())
        assert second.labels_sha256 != first.labels_sha256
        assert first.asked.endswith("+00:00")


def test_artifacts_have_their_checksum(store, tmp_path):
    (tmp_path / "x" / "1").mkdir(parents=True)
    (tmp_path / "x" / "1" / "file").write_text("exported")
    (tmp_path / "query.csv").write_text("id")
    _ask(store, 0, "y", artifacts={"saved_model": "x/1"})
    store.add_artifact(0, "query", "query.csv")
    kept = [(row.kind, row.uri, row.sha256) for row in RunReader.open(tmp_path).artifacts()]
    assert kept == [
        ("saved_model", "x/1", files.digest(tmp_path / "x" / "1")),
        ("query", "query.csv", files.digest(tmp_path / "query.csv")),
    ]


def test_splits_are_kept_whatever_their_order(tmp_path):
    splits = {"pool": ["b", "a\nc"], "train": ["b", "a\nc", "z"]}
    with Store(tmp_path) as store:
        store.start(_RUN, _INITIAL, "dataset", splits)
    records = RunReader.open(tmp_path)
    kept = records.splits()
    assert records.run().class_names == ("cat", "dog")
    assert (kept["pool"].items, kept["pool"].ids) == (2, ("a\nc", "b"))
    assert (kept["train"].items, kept["train"].ids) == (3, None)


@pytest.mark.parametrize("state", ["skipped", "unsure"])
def test_only_what_is_labelled_is_learnt_and_nothing_is_asked_again(store, state):
    _ask(store, 0, "y", "b")
    store.tell(Labels.from_answers({"y": state, "b": 1}), "person")
    assert _ids(store) == ["z", "a", "b"]
    assert store.reader.answered_ids().tolist() == ["z", "a", "y", "b"]


def test_a_clock_that_is_set_back_changes_no_order(tmp_path, monkeypatch):
    hours = iter(range(10_000, 0, -1))
    epoch = datetime.datetime(2030, 1, 1)
    monkeypatch.setattr(
        store_module, "_now", lambda: str(epoch + datetime.timedelta(hours=next(hours)))
    )
    with Store(tmp_path) as store:
        store.start(_RUN, _INITIAL, "dataset", {})
        for index, items in enumerate([("y", "b"), ("x", "k"), ()]):
            _commit(store, index, *items)
        store.tell(Labels.from_answers({"y": 7}), "person")
        store.tell(Labels.from_answers({"y": 8}), "person")
        assert _ids(store) == ["z", "a", "y", "b", "x", "k"]
        assert store.reader.labels().classes.tolist()[2] == 8
        assert [point.round for point in store.reader.curve()] == [0, 1, 2]
