"""Reading a run's store leaves its folder as it was."""

import dataclasses
import json
import shutil
import sqlite3

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.core import InputError
from dbal_tf.experiments.outcome import DamagedStoreError, read_run
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.published import is_published
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

POINT = CurvePoint(0, 2, Evaluation(0.5, 1.0, 0.6, 0.1, 0.4, 1.1), 2.5, {"train": 1.5})
FLAGS = "--seed=0\n"
VERSIONS = {"commit": "abc", "python": "3.12"}


def _begin(folder):
    store = Store(folder)
    initial = Labels(np.array(["a", "b"]), np.array([0, 1]))
    store.start(RunRecord(FLAGS, "checksum", VERSIONS, ("no", "yes")), initial, "dataset", {})
    return store


def _files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_finished_run_is_read_and_not_changed(tmp_path):
    with _begin(tmp_path) as store:
        store.ask(POINT, None, [], {})
    before = _files(tmp_path)
    record = read_run(tmp_path)
    assert (record.curve, record.versions) == ([POINT], VERSIONS)
    assert record.started <= record.committed
    assert _files(tmp_path) == before
    assert list(before) == ["metadata.db"]


def test_a_run_that_went_on_by_other_code_names_both(tmp_path):
    with _begin(tmp_path) as store:
        store.ask(POINT, Query(np.array(["c"]), np.zeros(1)), [], {})
    with Store(tmp_path) as store:
        labels, later = (
            Labels(np.array(["a", "b"]), np.array([0, 1])),
            VERSIONS | {"commit": "d"},
        )
        store.start(RunRecord(FLAGS, "checksum", later, ("no", "yes")), labels, "dataset", {})
        store.ask(dataclasses.replace(POINT, round=1), None, [], {})
    assert read_run(tmp_path).versions == {"commit": "abc or d", "python": "3.12"}


def test_of_a_persons_run_no_error_may_be_known(tmp_path):
    (tmp_path / "curve.csv").write_text(curve_csv([POINT]).replace("1.0", "nan"))
    (tmp_path / "flags.cfg").write_text(FLAGS + "--oracle=csv\n")
    (tmp_path / "versions.json").write_text(json.dumps(VERSIONS))
    assert np.isnan(read_run(tmp_path).curve[0].evaluation.nll)


def test_a_run_under_way_is_read_as_far_as_it_is_committed(tmp_path):
    with _begin(tmp_path) as store:
        assert read_run(tmp_path).curve == []
        assert read_run(tmp_path).committed == ""
        store.ask(POINT, None, [], {})
        before = _files(tmp_path)
        assert read_run(tmp_path).curve == [POINT]
        after = _files(tmp_path)
        assert after.keys() == before.keys()
        assert all(after[name] == before[name] for name in ("metadata.db", "metadata.db-wal"))


def test_a_killed_run_that_was_copied_is_read(tmp_path):
    run, copied = tmp_path / "run", tmp_path / "copied"
    run.mkdir()
    with _begin(run) as store:
        store.ask(POINT, None, [], {})
        shutil.copytree(run, copied)
    assert (copied / "metadata.db-wal").stat().st_size > 0
    assert read_run(copied).curve == [POINT]


@pytest.mark.parametrize("name", ["a run", "100% #1?"])
def test_any_folder_name_will_do(tmp_path, name):
    (tmp_path / name).mkdir()
    _begin(tmp_path / name).__exit__()
    assert read_run(tmp_path / name).versions == VERSIONS


def test_a_run_that_has_not_begun_is_none(tmp_path):
    assert read_run(tmp_path / "nowhere") is None
    sqlite3.connect(tmp_path / "metadata.db").close()
    assert read_run(tmp_path) is None
    assert (tmp_path / "metadata.db").read_bytes() == b""


def test_what_is_no_store_is_an_input_error(tmp_path):
    (tmp_path / "metadata.db").write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match=r"metadata\.db is damaged \(file is not a data"):
        read_run(tmp_path)


def test_reading_a_damaged_store_writes_nothing(tmp_path):
    with _begin(tmp_path) as store:
        store.ask(POINT, None, [], {})
    database = sqlite3.connect(tmp_path / "metadata.db")
    with database:
        database.execute("UPDATE rounds SET evaluation = '{'")
    database.close()
    before = _files(tmp_path)
    with pytest.raises(DamagedStoreError, match=r"is damaged .*; start the run a") as caught:
        read_run(tmp_path)
    assert (caught.value.run_dir, _files(tmp_path)) == (tmp_path, before)
    assert isinstance(caught.value.problem, json.JSONDecodeError)


def test_published_results_are_read_without_a_store(tmp_path):
    (tmp_path / "curve.csv").write_text(curve_csv([POINT]))
    (tmp_path / "flags.cfg").write_text(FLAGS)
    assert read_run(tmp_path) is None
    (tmp_path / "versions.json").write_text(json.dumps(VERSIONS))
    assert is_published(tmp_path)
    record = read_run(tmp_path)
    assert (record.curve[0].evaluation, record.versions) == (POINT.evaluation, VERSIONS)
    _begin(tmp_path).__exit__()
    assert not is_published(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("versions.json", b"{", "Expecting property name"),
        ("versions.json", b"[]", r"it holds \[\], expected versions"),
        ("versions.json", b"\xff", "can't decode byte 0xff"),
        ("curve.csv", b"", "The curve's first line reads ''"),
        ("curve.csv", b"\xff", "can't decode byte 0xff"),
        ("curve.csv", curve_csv([POINT]).replace("1.0", "nan").encode(), "round 0 has nll nan"),
        ("curve.csv", None, "No such file"),
        ("flags.cfg", None, "No such file"),
        ("flags.cfg", b"\xff", "can't decode byte 0xff"),
    ],
)
def test_published_results_that_cannot_be_read_are_named(tmp_path, name, content, says):
    (tmp_path / "curve.csv").write_text(curve_csv([POINT]))
    (tmp_path / "flags.cfg").write_text(FLAGS)
    (tmp_path / "versions.json").write_text(json.dumps(VERSIONS))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    sentence = rf"{name} cannot be read \(.*{says}.*\); expected what .*; put the file back\.$"
    with pytest.raises(InputError, match=sentence):
        read_run(tmp_path)
