"""What tools/collect_results.py keeps of a run is enough to report and to audit it."""

import contextlib
import json
import pathlib
import runpy
import shutil
import sqlite3
import sys

import numpy as np
import pytest

from dbal_tf.audit import command as audit
from dbal_tf.config import Config
from dbal_tf.experiments.fit_result import read_result
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


def test_the_plot_is_of_the_error_with_dropout(finished_run, tmp_path, collect, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    collect(tmp_path / "out", finished_run)
    [axes] = drawn[0].axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[3, 50], [5, 40], [7, 30]])
    assert [text.get_text() for text in axes.texts] == [finished_run.name]


def test_what_was_collected_is_not_collected_again(finished_run, tmp_path, collect):
    collect(tmp_path / "out", finished_run)
    with pytest.raises(SystemExit, match="was collected before; give the folders of runs"):
        collect(tmp_path / "again", tmp_path / "out")


def test_a_persons_run_without_test_labels_is_kept(finished_run, tmp_path, collect):
    with contextlib.closing(sqlite3.connect(finished_run / STORE_FILE)) as connection:
        rows = connection.execute("SELECT round, evaluation FROM rounds").fetchall()
        for index, text in rows:
            measures = {name: x for name, x in json.loads(text).items() if x is not None}
            unknown = {
                n: float("nan") if n.endswith("error") else x for n, x in measures.items()
            }
            connection.execute(
                "UPDATE rounds SET evaluation = ? WHERE round = ?", (json.dumps(unknown), index)
            )
        connection.commit()
    flags = finished_run / "flags.cfg"
    flags.write_text(flags.read_text().replace("--oracle=dataset", "--oracle=csv"))
    collect(tmp_path / "out", finished_run)
    assert not (tmp_path / "out" / "curve.png").exists()
    assert len(read_run(tmp_path / "out" / finished_run.name).curve) == 3


def test_another_run_is_not_overwritten(finished_run, tmp_path, collect):
    out = tmp_path / "out"
    collect(out, finished_run)
    collect(out, finished_run)
    kept = out / finished_run.name / "flags.cfg"
    kept.write_text(kept.read_text().replace("--seed=7", "--seed=8"))
    with pytest.raises(SystemExit, match="holds another run than"):
        collect(out, finished_run)


_KEPT_FIT = pathlib.Path(__file__).parents[2] / "docs" / "results" / "table2" / "light"


@pytest.fixture
def fits(tmp_path):
    """A folder of two fits, the second on the first 500 labels that a run bought."""
    for path, changes in (
        ("tsvm/0", {}),
        ("bought/bald/tsvm/0", {"bought_by": "bald, repetition 0, seed 0", "labels": 500}),
    ):
        folder = tmp_path / "fits" / path
        folder.mkdir(parents=True)
        result = json.loads((_KEPT_FIT / "tsvm" / "0" / "result.json").read_text()) | changes
        (folder / "result.json").write_text(json.dumps(result))
        config = Config(
            experiment="table2",
            data_dir="/data/mnist",
            run_dir=str(tmp_path / "fits"),
            **({"labels_from": "/runs/bald/0", "labels": 500} if changes else {}),
        )
        (folder / "flags.cfg").write_text(config.to_flags())
        (folder / "begun.json").write_text("{}")
    return tmp_path / "fits"


def test_fits_keep_their_result_and_their_flags_without_folders(
    fits, tmp_path, collect, capsys
):
    out = tmp_path / "out"
    collect(out, fits)
    collect(out, fits)
    assert "tsvm/0: 4.49 %, 5.6 min\n" in capsys.readouterr().out
    for path in ("tsvm/0", "bought/bald/tsvm/0"):
        assert {file.name for file in (out / path).iterdir()} == {"result.json", "flags.cfg"}
        assert read_result(out / path) == read_result(fits / path)
        flags = (out / path / "flags.cfg").read_text()
        assert not any(f"--{n}=" in flags for n in ("run_dir", "data_dir", "labels_from"))
        assert "--experiment=table2\n" in flags


def test_a_fit_and_a_run_of_one_folder_are_both_kept(finished_run, fits, tmp_path, collect):
    shutil.copytree(finished_run, fits / "active" / "bald" / "0")
    collect(tmp_path / "out", fits)
    assert is_published(tmp_path / "out" / "active" / "bald" / "0")
    assert read_result(tmp_path / "out" / "tsvm" / "0")


def test_one_fit_is_kept_under_its_own_name(fits, tmp_path, collect):
    collect(tmp_path / "out", fits / "tsvm" / "0")
    assert read_result(tmp_path / "out" / "0")


def test_another_fit_is_not_overwritten(fits, tmp_path, collect):
    out = tmp_path / "out"
    collect(out, fits / "tsvm" / "0")
    with pytest.raises(SystemExit, match="holds another fit than"):
        collect(out, fits / "bought" / "bald" / "tsvm" / "0")
