import contextlib
import os
import pathlib
import sqlite3
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbal_tf.artifacts import LABEL_STATES, CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.store import schema
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import AskedRecord, RunRecord
from dbal_tf.store.writer import Store


def _snapshot(folder):
    """All files but the one by which SQLite's processes share their locks."""
    files = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".db-shm"]
    return {path.name: path.read_bytes() for path in files}


def test_a_store_at_rest_is_read_without_a_trace(finished_run):
    before = _snapshot(finished_run)
    records = RunReader.open(finished_run)
    assert [point.labels for point in records.curve()] == [3, 5, 7]
    assert records.labels().ids.tolist() == [f"train-{n}" for n in (0, 1, 2, 5, 6, 7, 8)]
    assert _snapshot(finished_run) == before


def test_a_running_store_is_read_as_it_is_committed(finished_run):
    with Store(finished_run) as store:
        store.record_event("resume", "round 3")
        before = _snapshot(finished_run)
        assert RunReader.open(finished_run).events() == [("resume", "round 3")]
        assert _snapshot(finished_run) == before


def test_what_is_read_cannot_reach_the_file(finished_run):
    before = _snapshot(finished_run)
    RunReader.open(finished_run)._connection.execute("DELETE FROM answers")
    assert _snapshot(finished_run) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_can_be_read(finished_run):
    finished_run.chmod(0o500)
    try:
        assert len(RunReader.open(finished_run).curve()) == 3
    finally:
        finished_run.chmod(0o700)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_store_that_another_program_holds_cannot_be_opened(finished_run, monkeypatch, mode):
    holder = sqlite3.connect(finished_run / STORE_FILE, isolation_level=None)
    # Without a log the reader looks for no lock, so it is made to.
    monkeypatch.setattr(
        schema,
        "read_only",
        lambda path: sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.1),
    )
    with contextlib.closing(holder):
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute(f"PRAGMA journal_mode = {mode}")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("DELETE FROM events")
        with pytest.raises(InputError, match=r"cannot be opened \(database is locked\); make"):
            RunReader.open(finished_run)


def test_a_store_that_cannot_be_read_is_not_called_damaged(finished_run, monkeypatch):
    def refuse(path):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(schema, "read_only", refuse)
    sentence = rf"{STORE_FILE} cannot be opened \(unable to open database file\); make"
    with pytest.raises(InputError, match=sentence):
        RunReader.open(finished_run)


def test_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"has no metadata\.db; expected the folder of a run"):
        RunReader.open(tmp_path)
    with Store(tmp_path) as store:
        assert not store.reader.has_begun()
        with pytest.raises(InputError, match="The store holds no run; start the run first"):
            store.reader.run()
    with pytest.raises(InputError):
        RunReader.open(tmp_path).run()
    (tmp_path / STORE_FILE).write_bytes(b"x" * 9999)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        RunReader.open(tmp_path)


def test_a_query_is_kept_with_its_reserve(finished_run):
    reader = RunReader.open(finished_run)
    query = reader.query(1)
    assert query.ids.tolist() == ["train-7", "train-8", "train-9"]
    assert query.scores.tolist() == [0.5, 0.25, 0.125]
    assert query.entropies.tolist() == [0.75, 0.25, 0.25]
    assert query.standard_errors is None
    assert len(reader.query(2)) == len(reader.query(99)) == 0
    assert reader.asked()[3] == AskedRecord(1, 0, "train-7", 0.5, None, 0.75)


def test_answers_say_where_they_stood_in_the_query(finished_run):
    with Store(finished_run) as store:
        store.tell(Labels.from_answers({"train-7": "skipped"}), "person", 2.0)
        answers = store.reader.answers()
    assert [(row.item, row.round, row.rank) for row in answers[2:]] == [
        *(("train-2", None, None), ("train-5", 0, 0), ("train-6", 0, 1)),
        *(("train-7", 1, 0), ("train-8", 1, 1), ("train-7", 2, None)),
    ]
    last = answers[-1]
    assert (last.label, last.state, last.annotator, last.seconds) == (
        *(None, "skipped", "person", 2.0),
    )
    assert (last.corrects, answers[-3].id) == (6, 6)


def test_what_is_answered_is_so_whatever_the_answer(finished_run):
    with Store(finished_run) as store:
        store.tell(Labels.from_answers({"train-7": "skipped", "train-0": 2}), "person")
        assert store.reader.answered_ids().tolist() == [
            f"train-{number}" for number in (0, 1, 2, 5, 6, 7, 8)
        ]
        assert "train-7" not in store.reader.labels().ids


_POINT = CurvePoint(0, 1, Evaluation(0.5, 1.0, 0.5, 0.25, 0.5, 1.0), 2.5, {})
_QUERY = Query(np.array(["q3", "q1", "q0", "q2"]), np.array([0.5, 0.25, 0.125, 0.0]))


@contextlib.contextmanager
def _asking(folder):
    """A store whose round 0 asks for two items, with two behind them."""
    with Store(folder) as store:
        initial = Labels(np.array(["z"]), np.array([0]))
        store.start(RunRecord("", "c", {}, ("low", "high")), initial, "dataset", {})
        store.ask(_POINT, _QUERY, [], {})
        yield store


@pytest.mark.parametrize(
    ("told", "waits_for"),
    [
        ([], ["q3", "q1"]),
        ([{"q1": 0}], ["q3"]),
        ([{"q3": "skipped"}], ["q1", "q0"]),
        ([{"q3": "unsure", "q1": "skipped"}], ["q0", "q2"]),
        ([{"q1": 1}, {"q3": "unsure"}], ["q0"]),
        ([{"q3": "skipped", "q1": 1, "q0": 0}], []),
        ([{"q3": 0, "q1": 1}], []),
        ([{"q2": 0, "q3": 1}], []),
        ([{"q3": "skipped", "q1": "skipped", "q0": "skipped", "q2": 1}], []),
        ([{"q3": "skipped"}, {"q3": 1}], ["q1"]),
        ([{"q3": 1, "q1": 1}, {"q1": "unsure"}], ["q0"]),
        ([{"z": 1}], ["q3", "q1"]),
    ],
)
def test_a_round_waits_for_what_is_missing_best_first(tmp_path, told, waits_for):
    with _asking(tmp_path) as store:
        for answers in told:
            store.tell(Labels.from_answers(answers), "person")
        pending = store.reader.pending(2)
        assert pending.ids.tolist() == waits_for
        scores = dict(zip(_QUERY.ids.tolist(), _QUERY.scores.tolist(), strict=True))
        assert pending.scores.tolist() == [scores[item] for item in waits_for]
    with Store(tmp_path) as again:
        assert again.reader.pending(2).ids.tolist() == waits_for, "reopened, it is the same"
    assert RunReader.open(tmp_path).pending(2).ids.tolist() == waits_for


def test_only_the_last_round_waits(finished_run):
    reader = RunReader.open(finished_run)
    assert len(reader.pending(3)) == 0
    with Store(finished_run) as store:
        store.ask(CurvePoint(2, 7, _POINT.evaluation, 2.5, {}), _QUERY, [], {})
        assert store.reader.pending(3).ids.tolist() == ["q3", "q1", "q0"]


def test_before_the_first_round_nothing_waits(tmp_path):
    with Store(tmp_path) as store:
        initial = Labels(np.array(["z"]), np.array([0]))
        store.start(RunRecord("", "c", {}, ()), initial, "dataset", {})
        assert len(store.reader.pending(2)) == 0


_ANSWER = st.integers(0, 1) | st.sampled_from(LABEL_STATES[1:])


@settings(max_examples=25, deadline=None)
@given(
    told=st.lists(st.dictionaries(st.sampled_from(_QUERY.ids.tolist()), _ANSWER), max_size=4),
    size=st.integers(1, 4),
)
def test_what_is_pending_is_that_of_the_model(told, size):
    last = {}
    with tempfile.TemporaryDirectory() as folder, _asking(pathlib.Path(folder)) as store:
        for answers in told:
            store.tell(Labels.from_answers(answers), "person")
            last |= answers
            missing = size - sum(isinstance(answer, int) for answer in last.values())
            expected = [item for item in _QUERY.ids.tolist() if item not in last]
            assert store.reader.pending(size).ids.tolist() == expected[: max(0, missing)]
        labels = store.reader.labels()
    right = [(item, last[item]) for item in _QUERY.ids.tolist() if item in last]
    right = [("z", 0), *((item, one) for item, one in right if isinstance(one, int))]
    assert list(zip(labels.ids.tolist(), labels.classes.tolist(), strict=True)) == right


def test_rounds_know_the_seconds_of_their_answers(finished_run):
    seconds = [row.point.seconds for row in RunReader.open(finished_run).rounds()]
    assert seconds == [{"train": 1.0, "label": 0.5}, {"train": 1.0, "label": 0.5}, {"train": 1}]


def test_executions_have_their_seeds_by_purpose(finished_run):
    calls = RunReader.open(finished_run).executions()
    assert [(row.round, row.component, sorted(row.seeds)) for row in calls[:3]] == [
        (0, "Trainer", ["fit"]),
        (0, "Evaluator", ["test"]),
        (0, "PosteriorChooser", ["masks", "ties"]),
    ]
