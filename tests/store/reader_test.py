import contextlib
import os
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.core import InputError
from dbal_tf.store import schema
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.reader import RunReader, ids_digest, labels_digest, pack_ids, unpack_ids
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
    RunReader.open(finished_run)._connection.execute("DELETE FROM labels")
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
    Store(tmp_path).__exit__()
    with pytest.raises(InputError):
        RunReader.open(tmp_path).run()
    (tmp_path / STORE_FILE).write_bytes(b"x" * 9999)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        RunReader.open(tmp_path)


def test_digests_of_labels_depend_on_order_and_class():
    labels = Labels(np.array(["a", "b"]), np.array([0, 1]))
    others = [
        Labels(np.array(["b", "a"]), np.array([1, 0])),
        Labels(np.array(["a", "b"]), np.array([0, 2])),
        labels.first(1),
    ]
    assert len({labels_digest(x) for x in (labels, *others)}) == 4


def test_ids_are_packed_whatever_they_are_made_of():
    ids = ["b", "a,1", "a\nb", "ü/1.png", '"']
    assert unpack_ids(pack_ids(ids)) == tuple(sorted(ids))
    assert ids_digest(ids) == ids_digest(ids[::-1]) != ids_digest(["b", "a", "1"])
