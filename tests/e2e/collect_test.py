"""What tools/collect_results.py keeps of a run is enough to report and to audit it."""

import contextlib
import pathlib
import runpy
import shutil
import sqlite3
import sys

import pytest

from dbal_tf.audit import command as audit
from dbal_tf.experiments.outcome import read_run
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.published import is_published
from dbal_tf.store.writer import Store

_TOOL = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "tools" / "collect_results.py"))


@pytest.fixture
def collect(monkeypatch):
    def run(out, *runs):
        monkeypatch.setattr(
            sys, "argv", ["collect_results.py", f"--out={out}", *map(str, runs)]
        )
        _TOOL["main"]()

    return run


def test_a_run_of_a_grid_keeps_its_place_and_its_numbers(
    finished_run, tmp_path, collect, capsys
):
    grid, out = tmp_path / "grid", tmp_path / "out"
    shutil.copytree(finished_run, grid / "bald" / "0")
    collect(out, grid)
    kept = out / "bald" / "0"
    assert {path.name for path in kept.iterdir()} == {
        *("curve.csv", "flags.cfg", "picks.csv", "versions.json")
    }
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("| bald/0 | -") and line.endswith("| 0123456789ab |")
    assert is_published(kept)
    with Store(finished_run) as store:
        curve = store.reader.curve()
    assert [p.evaluation for p in read_run(kept).curve] == [p.evaluation for p in curve]
    assert "dir=" not in (kept / "flags.cfg").read_text()
    assert audit.audit(kept)
    assert "WRONG" not in capsys.readouterr().out


def test_a_run_that_has_not_ended_is_left_out_unless_asked_for(
    finished_run, tmp_path, collect, capsys
):
    with contextlib.closing(sqlite3.connect(finished_run / STORE_FILE)) as connection:
        for table in ("executions", "artifacts", "rounds"):
            connection.execute(f"DELETE FROM {table} WHERE round = 2")
        connection.commit()
    with Store(finished_run) as store:
        curve = store.reader.curve()
    collect(tmp_path / "out", finished_run)
    assert not list((tmp_path / "out").rglob("*"))
    collect(tmp_path / "out", "--unfinished", finished_run)
    kept = tmp_path / "out" / finished_run.name
    assert len(read_run(kept).curve) == len(curve)
    capsys.readouterr()
    assert audit.audit(kept)
    assert "WRONG" not in capsys.readouterr().out


def test_the_kept_curve_is_the_stores(finished_run, tmp_path, collect):
    (finished_run / "curve.csv").unlink(missing_ok=True)
    collect(tmp_path / "out", finished_run)
    with Store(finished_run) as store:
        curve = store.reader.curve()
    assert len(read_run(tmp_path / "out" / finished_run.name).curve) == len(curve)


def test_another_run_is_not_overwritten(finished_run, tmp_path, collect):
    out = tmp_path / "out"
    collect(out, finished_run)
    collect(out, finished_run)
    kept = out / finished_run.name / "flags.cfg"
    kept.write_text(kept.read_text().replace("--seed=7", "--seed=8"))
    with pytest.raises(SystemExit, match="holds another run than"):
        collect(out, finished_run)
