"""Every corruption that is planted in a run is found and named."""

import contextlib
import functools
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest

from dbal_tf.audit import command as audit
from dbal_tf.store.schema import FILE_NAME

_ROOT = pathlib.Path(__file__).parents[2]


def _sql(*statements):
    def plant(folder):
        with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
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


def _remove(path):
    def plant(folder):
        target = folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return plant


def _damage(folder):
    with open(folder / FILE_NAME, "r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


_NO_KEY = (
    "CREATE TABLE copied AS SELECT * FROM labels",
    "DROP TABLE labels",
    "ALTER TABLE copied RENAME TO labels",
)

# What is planted, the check that finds it, and what it says.
_CORRUPTIONS = {
    "an id bought twice": (
        _sql(*_NO_KEY, "UPDATE labels SET item = 'train-5' WHERE item = 'train-7'"),
        "no id is bought twice",
        "train-5 was bought 2 times",
    ),
    "a test item bought": (
        _sql("UPDATE labels SET item = 'test-1' WHERE item = 'train-8'"),
        "items are in their split",
        "test-1 was bought but is test split",
    ),
    "a validation item bought": (
        _sql("UPDATE labels SET item = 'train-3' WHERE item = 'train-8'"),
        "items are in their split",
        "train-3 was bought but is validation split",
    ),
    "an item of nowhere bought": (
        _sql("UPDATE labels SET item = 'foreign' WHERE item = 'train-8'"),
        "items are in their split",
        "foreign was bought but is in no split",
    ),
    "the splits changed": (
        _sql("UPDATE splits SET sha256 = 'd' WHERE split = 'pool'"),
        "items are in their split",
        "the ids of pool were changed",
    ),
    "an item lost": (
        _sql("UPDATE splits SET sha256 = 'd' WHERE split = 'train'"),
        "items are in their split",
        "labelled, unlabelled and validation items are not all items",
    ),
    "a label changed": (
        _sql("UPDATE labels SET class = 0 WHERE item = 'train-5'"),
        "labels are as they were learnt",
        "the labels that round 1 learnt from were changed",
    ),
    "an initial label changed": (
        _sql("UPDATE labels SET class = 1 WHERE item = 'train-0'"),
        "labels are as they were learnt",
        "the labels that round 0 learnt from were changed",
    ),
    "a label that is no class": (
        _sql("UPDATE labels SET class = 3 WHERE item = 'train-8'"),
        "labels are classes",
        "train-8 has class 3",
    ),
    "a state that is none": (
        _sql("UPDATE labels SET state = 'guessed' WHERE item = 'train-8'"),
        "labels are classes",
        "train-8 is in the state 'guessed'",
    ),
    "labels of a round missing": (
        _sql("DELETE FROM labels WHERE item = 'train-8'"),
        "every round has its labels",
        "round 1 has 1 labels, expected 2",
    ),
    "all labels of the last query missing": (
        _sql("DELETE FROM labels WHERE round = 1"),
        "every round has its labels",
        "round 1 has 0 labels, expected 2",
    ),
    "an initial label missing": (
        _sql("DELETE FROM labels WHERE item = 'train-2'"),
        "every round has its labels",
        "there are 2 initial labels, expected 3",
    ),
    "a score that is no number": (
        _sql("UPDATE labels SET score = NULL WHERE item = 'train-7'"),
        "scores are in range",
        "train-7 has the score None",
    ),
    "a score that is text": (
        _sql("UPDATE labels SET score = 'nan' WHERE item = 'train-7'"),
        "scores are in range",
        "train-7 has the score nan",
    ),
    "a score that is infinite": (
        _sql("UPDATE labels SET score = 9e999 WHERE item = 'train-7'"),
        "scores are in range",
        "train-7 has the score inf",
    ),
    "a score out of range": (
        _sql("UPDATE labels SET score = 1.2 WHERE item = 'train-7'"),
        "scores are in range",
        "train-7 has the score 1.2, expected 0 to 1.0986",
    ),
    "ranks swapped": (
        _sql("UPDATE labels SET rank = 1 - rank WHERE round = 1"),
        "scores are in range",
        "train-7 scores above train-8, which ranks before it",
    ),
    "BALD above the entropy": (
        _sql("UPDATE labels SET entropy = 0.3 WHERE item = 'train-7'"),
        "bald is below entropy",
        "train-7 has BALD 0.5 above its entropy 0.3",
    ),
    "an error above one": (
        _sql(
            "UPDATE rounds SET evaluation = replace(evaluation, '0.4', '1.4') WHERE round = 1"
        ),
        "measures are in range",
        "round 1 has error 1.4",
    ),
    "a prettier curve": (
        _edit("curve.csv", "\n2,7,0.3,", "\n2,7,0.03,"),
        "curve is that of the store",
        "line 4 of curve.csv is not what the store says",
    ),
    "a curve cut short": (
        lambda folder: (folder / "curve.csv").write_text("round\n"),
        "curve is that of the store",
        "line 1 of curve.csv is not what the store says",
    ),
    "a round missing": (
        _sql("DELETE FROM rounds WHERE round = 1"),
        "rounds follow each other",
        "round 1 is missing",
    ),
    "a round that was not committed": (
        _sql("DELETE FROM rounds WHERE round > 0"),
        "rounds follow each other",
        "round 1 bought labels but is not committed",
    ),
    "a seed of one's own": (
        _sql("UPDATE executions SET seed = 1 WHERE round = 1 AND component = 'PoolScorer'"),
        "seeds derive",
        "round 1 seeded PoolScorer with 1",
    ),
    "a component left out": (
        _sql("DELETE FROM executions WHERE round = 1 AND component = 'Evaluator'"),
        "every component ran",
        "round 1 has no execution of Evaluator",
    ),
    "a query edited": (
        _edit("rounds/0001/query.csv", "train-8", "train-9"),
        "queries are those of the store",
        "rounds/0001/query.csv is not what the store says",
    ),
    "a query's file edited where the store does not look": (
        _edit("rounds/0001/query.csv", ",0,1,", ",9,1,"),
        "artifacts are whole",
        "rounds/0001/query.csv was changed: its checksum is another",
    ),
    "a query missing": (
        _remove("rounds/0000/query.csv"),
        "artifacts are whole",
        "rounds/0000/query.csv is missing",
    ),
    "an export changed": (
        _edit("export/2/variables/data", "data", "dato"),
        "artifacts are whole",
        "export/2 was changed: its checksum is another",
    ),
    "an export incomplete": (
        _remove("export/2/saved_model.pb"),
        "exports are complete",
        "export/2 has no saved_model.pb",
    ),
    "the last export not recorded": (
        _sql("DELETE FROM artifacts WHERE kind = 'saved_model'"),
        "exports are complete",
        "round 2 was the last but has no export",
    ),
    "a flag edited": (
        _edit("flags.cfg", "--seed=7", "--seed=8"),
        "flags are those of the run",
        "--seed=7 (the run has --seed=8)",
    ),
    "a flag of another program": (
        _edit("flags.cfg", "--seed=7", "--sead=7"),
        "flags are those of the run",
        "The flagfile reads --sead=7",
    ),
    "flags missing": (
        _remove("flags.cfg"),
        "flags are those of the run",
        "flags.cfg cannot be read",
    ),
    "a value that no run writes": (
        _sql("UPDATE rounds SET evaluation = '{' WHERE round = 1"),
        "store is whole",
        "it is damaged (a value cannot be read: ",
    ),
    "ids that cannot be unpacked": (
        _sql("UPDATE splits SET ids = x'00' WHERE split = 'pool'"),
        "store is whole",
        "it is damaged (a value cannot be read: ",
    ),
    "a split lost": (
        _sql("DELETE FROM splits WHERE split = 'pool'"),
        "items are in their split",
        "train-5 was bought but is in no split",
    ),
    "the ids of all items lost": (
        _sql("DELETE FROM splits WHERE split = 'train'"),
        "items are in their split",
        "labelled, unlabelled and validation items are not all items",
    ),
    "a round's labels taken back": (
        _sql("UPDATE labels SET state = 'skipped' WHERE round = 1"),
        "queries are those of the store",
        "rounds/0001/query.csv is not what the store says",
    ),
    "a round far away": (
        _sql("UPDATE rounds SET round = 1000000000 WHERE round = 2"),
        "rounds follow each other",
        "round 2 is missing",
    ),
    "a query that is one long field": (
        _edit("rounds/0001/query.csv", "id,", 'id,"' + "x" * 200_000),
        "queries are those of the store",
        "a value cannot be read: field larger than field limit",
    ),
    "a database damaged": (_damage, "store is whole", "it is damaged"),
}


@pytest.mark.parametrize("name", _CORRUPTIONS)
def test_what_is_planted_is_found_and_named(finished_run, capsys, name):
    plant, check, says = _CORRUPTIONS[name]
    plant(finished_run)
    assert audit.main([str(finished_run)]) == 1
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith(f"  {check}  ")]
    assert "WRONG: " in line
    assert says in line


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
    with contextlib.closing(sqlite3.connect(finished_run / FILE_NAME)) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        (finished_run / f"{FILE_NAME}-wal").touch()
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


def test_a_newer_store_is_bad_input(finished_run, capsys):
    _sql("PRAGMA user_version = 99")(finished_run)
    assert audit.main([str(finished_run)]) == 2
    assert "has schema 99, this version of dbal_tf knows up to" in capsys.readouterr().err


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
