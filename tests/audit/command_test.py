"""What the program prints, and how it ends."""

import contextlib
import functools
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest

from dbal_tf.audit import command as audit
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.writer import Store

_ROOT = pathlib.Path(__file__).parents[2]


def _sql(*statements):
    def plant(folder):
        with contextlib.closing(sqlite3.connect(folder / STORE_FILE)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return plant


def _edit(path, old, new):
    def plant(folder):
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new))

    return plant


def test_a_run_as_it_was_written_passes(finished_run, capsys):
    before = {p: p.read_bytes() for p in finished_run.rglob("*") if p.is_file()}
    assert audit.main([str(finished_run)]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == str(finished_run)
    assert all(line.endswith("  ok") for line in lines)
    assert len(lines) == 16
    assert {p: p.read_bytes() for p in finished_run.rglob("*") if p.is_file()} == before


def test_a_curve_that_a_kill_left_a_line_behind_passes(finished_run, capsys):
    curve = finished_run / "curve.csv"
    lines = curve.read_text().splitlines(keepends=True)
    curve.write_text("".join(lines[:-1]))
    assert audit.main([str(finished_run)]) == 0
    curve.write_text("".join(lines[:-2]))
    assert audit.main([str(finished_run)]) == 1
    assert "line 3 of curve.csv is not what the store says" in capsys.readouterr().out


def test_a_store_that_another_program_holds_is_no_damage(finished_run, monkeypatch, capsys):
    waits_less = functools.partial(sqlite3.connect, timeout=0.1)
    with contextlib.closing(sqlite3.connect(finished_run / STORE_FILE)) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        (finished_run / f"{STORE_FILE}-wal").touch()
        monkeypatch.setattr(sqlite3, "connect", waits_less)
        assert audit.main([str(finished_run)]) == 2
    assert "cannot be opened (database is locked)" in capsys.readouterr().err


def test_a_folder_of_runs_is_audited_run_by_run(finished_run, capsys):
    shutil.copytree(finished_run, finished_run.parent / "second")
    assert audit.main([str(finished_run.parent)]) == 0
    _edit("curve.csv", "0.3,", "0.2,")(finished_run)
    assert audit.main([str(finished_run.parent)]) == 1
    out = capsys.readouterr().out
    assert out.count(f"{finished_run}\n") == out.count(f"{finished_run.parent}/second\n") == 2


def test_a_run_that_has_not_begun_does_not_hide_the_others(finished_run, capsys):
    (finished_run.parent / "before").mkdir()
    with Store(finished_run.parent / "before"):
        pass
    assert audit.main([str(finished_run.parent)]) == 2
    out, err = capsys.readouterr()
    assert err == "dbal_tf: The store holds no run; start the run first.\n"
    assert len(out.partition(f"{finished_run}\n")[2].splitlines()) > 10
    assert "WRONG" not in out


def test_published_results_pass(capsys):
    results = _ROOT / "docs" / "results"
    assert audit.main([str(results)]) == 0
    out = capsys.readouterr().out
    for folder in results.rglob("picks.csv"):
        assert f"{folder.parent}\n" in out
    assert "WRONG" not in out


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\n0,1,train-", "\n0,1,train-38233,0,\n0,1,train-", "round 0 has "),
        ("\ninitial,2,train-06710", "\ninitial,2,train-38233", "was bought 2 times"),
    ],
)
def test_published_results_that_were_edited(tmp_path, capsys, old, new, says):
    folder = tmp_path / "random"
    shutil.copytree(_ROOT / "docs" / "results" / "mnist" / "random", folder)
    _edit("picks.csv", old, new)(folder)
    assert audit.main([str(folder)]) == 1
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["absent"],
            "absent holds no run; expected a folder with metadata.db or, of published",
        ),
        ([], "the following arguments are required: RUN_DIR; see --help."),
        (
            ["run", "--lineages=model/1"],
            "unrecognized arguments: --lineages=model/1; see --help.",
        ),
        (
            ["run", "--lineage=model"],
            "--lineage=model cannot be used; expected model/N, score/N",
        ),
        (["run", "--lineage=point/3"], "--lineage=point/3 names round 3; "),
    ],
)
def test_bad_input_is_one_sentence(finished_run, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(finished_run.parent)
    finished_run.rename("run")
    try:
        status = audit.main(arguments)
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("dbal_tf: ") and says in err


@pytest.mark.parametrize("version", [2, 99])
def test_a_store_of_another_schema_is_bad_input(finished_run, capsys, version):
    _sql(f"PRAGMA user_version = {version}")(finished_run)
    assert audit.main([str(finished_run)]) == 2
    assert capsys.readouterr().err == (
        f"dbal_tf: {finished_run / STORE_FILE} has schema {version}, this version of dbal_tf "
        "reads schema 4; use the version that wrote it or choose another --run_dir.\n"
    )


def test_it_answers_without_tensorflow(finished_run):
    code = (
        "import sys\n"
        "from dbal_tf.audit import command as audit\n"
        f"audit.main([{str(finished_run)!r}])\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"
