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
from dbal_tf.store.layout import STORE_FILE

_ROOT = pathlib.Path(__file__).parents[2]


def _sql(*statements):
    def plant(folder):
        with contextlib.closing(sqlite3.connect(folder / STORE_FILE)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return plant


def _rename(old, new):
    """Round 1 asks for another item, and is answered."""
    return _sql(
        f"UPDATE answers SET item = '{new}' WHERE item = '{old}'",
        f"UPDATE queries SET item = '{new}' WHERE item = '{old}' AND round = 1",
    )


def _answer(item, corrects, number=2):
    """Another answer, that of a person who looked again."""
    return _sql(
        "INSERT INTO answers (item, class, state, round, annotator, time, corrects)"
        f" VALUES ('{item}', 0, 'labelled', {number}, 'person', 'then', {corrects})"
    )


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
    with open(folder / STORE_FILE, "r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


_NO_KEY = (
    "CREATE TABLE copied AS SELECT * FROM queries",
    "DROP TABLE queries",
    "ALTER TABLE copied RENAME TO queries",
)

# What is planted, the check that finds it, and what it says.
_CORRUPTIONS = {
    "an id bought twice": (
        _rename("train-7", "train-5"),
        "no id is bought twice",
        "train-5 was bought 2 times",
    ),
    "a test item bought": (
        _rename("train-8", "test-1"),
        "items are in their split",
        "test-1 was bought but is test split",
    ),
    "a validation item bought": (
        _rename("train-8", "train-3"),
        "items are in their split",
        "train-3 was bought but is validation split",
    ),
    "an item of nowhere bought": (
        _rename("train-8", "foreign"),
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
        _sql("UPDATE answers SET class = 0 WHERE item = 'train-5'"),
        "labels are as they were learnt",
        "the labels that round 1 learnt from were changed",
    ),
    "an initial label changed": (
        _sql("UPDATE answers SET class = 1 WHERE item = 'train-0'"),
        "labels are as they were learnt",
        "the labels that round 0 learnt from were changed",
    ),
    "a label taken out": (
        _sql("DELETE FROM answers WHERE item = 'train-5'"),
        "labels are as they were learnt",
        "the labels that round 1 learnt from were changed",
    ),
    "a label moved to an earlier round": (
        _sql("UPDATE answers SET round = 0 WHERE item = 'train-8'"),
        "labels are as they were learnt",
        "the labels that round 1 learnt from were changed",
    ),
    "a correction that claims to be of an earlier round": (
        _answer("train-5", 4, number=0),
        "labels are as they were learnt",
        "the labels that round 1 learnt from were changed",
    ),
    "a correction of another item's answer": (
        _answer("train-5", 5),
        "no id is bought twice",
        "answer 8 to train-5 does not correct the one before it",
    ),
    "a second answer that corrects nothing": (
        _answer("train-5", "NULL"),
        "no id is bought twice",
        "answer 8 to train-5 does not correct the one before it",
    ),
    "a correction of no answer": (
        _answer("train-10", 99),
        "no id is bought twice",
        "answer 8 to train-10 does not correct the one before it",
    ),
    "an answer that nobody asked for": (
        _answer("train-10", "NULL"),
        "every round has its labels",
        "round 2 was told of train-10, which it had not asked for",
    ),
    "a query taken out": (
        _sql("DELETE FROM queries WHERE round = 1"),
        "every round has its labels",
        "round 1 was told of train-7, which it had not asked for",
    ),
    "an item that was answered asked for twice": (
        _sql(*_NO_KEY, "UPDATE queries SET item = 'train-8' WHERE round = 1 AND rank = 2"),
        "no id is bought twice",
        "train-8 was bought 2 times",
    ),
    "an item of the reserve asked for twice": (
        _sql(*_NO_KEY, "INSERT INTO queries VALUES (1, 3, 'train-9', 0.125, NULL, NULL)"),
        "no id is bought twice",
        "round 1 asked 2 times for train-9",
    ),
    "an item asked for that had an answer": (
        _sql("UPDATE queries SET item = 'train-5' WHERE round = 1 AND rank = 2"),
        "no id is bought twice",
        "round 1 asked for train-5, which had an answer",
    ),
    "an initial item asked for": (
        _sql("UPDATE queries SET item = 'train-0' WHERE round = 0 AND rank = 2"),
        "no id is bought twice",
        "round 0 asked for train-0, which had an answer",
    ),
    "a skip with a class": (
        _sql("UPDATE answers SET state = 'skipped' WHERE item = 'train-8'"),
        "labels are classes",
        "train-8 has class 2 though it is skipped",
    ),
    "a label without a class": (
        _sql("UPDATE answers SET class = NULL WHERE item = 'train-8'"),
        "labels are classes",
        "train-8 has class None",
    ),
    "a label that is no class": (
        _sql("UPDATE answers SET class = 3 WHERE item = 'train-8'"),
        "labels are classes",
        "train-8 has class 3",
    ),
    "a state that is none": (
        _sql("UPDATE answers SET state = 'guessed' WHERE item = 'train-8'"),
        "labels are classes",
        "train-8 is in the state 'guessed'",
    ),
    "labels of a round missing": (
        _sql("DELETE FROM answers WHERE item = 'train-8'"),
        "every round has its labels",
        "round 1 has 1 labels, expected 2",
    ),
    "all labels of the last query missing": (
        _sql("DELETE FROM answers WHERE round = 1"),
        "every round has its labels",
        "round 1 has 0 labels, expected 2",
    ),
    "an initial label missing": (
        _sql("DELETE FROM answers WHERE item = 'train-2'"),
        "every round has its labels",
        "there are 2 initial labels, expected 3",
    ),
    "a score that is no number": (
        _sql("UPDATE queries SET score = NULL WHERE round = 1 AND rank = 0"),
        "scores are in range",
        "train-7 has the score None",
    ),
    "a score that is text": (
        _sql("UPDATE queries SET score = 'nan' WHERE round = 1 AND rank = 0"),
        "scores are in range",
        "train-7 has the score nan",
    ),
    "a score that is infinite": (
        _sql("UPDATE queries SET score = 9e999 WHERE round = 1 AND rank = 0"),
        "scores are in range",
        "train-7 has the score inf",
    ),
    "a score out of range": (
        _sql("UPDATE queries SET score = 1.2 WHERE round = 1 AND rank = 0"),
        "scores are in range",
        "train-7 has the score 1.2, expected 0 to 1.0986",
    ),
    "ranks swapped": (
        _sql(*_NO_KEY, "UPDATE queries SET rank = 1 - rank WHERE round = 1 AND rank < 2"),
        "scores are in range",
        "train-7 scores above train-8, which ranks before it",
    ),
    "BALD above the entropy": (
        _sql("UPDATE queries SET entropy = 0.3 WHERE round = 1 AND rank = 0"),
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
    "the seconds of a run that has ended changed": (
        _edit("curve.csv", "2.5,1.000,0.000,0.000,0.000,", "2.5,1.000,0.000,0.000,9.000,"),
        "curve is that of the store",
        "line 4 of curve.csv is not what the store says",
    ),
    "the number of labels changed": (
        _sql("UPDATE rounds SET labels = 6 WHERE round = 1"),
        "every round has its labels",
        "round 1 counts 6 labels, there are 5",
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
        _sql(
            "UPDATE executions SET seeds = '{\"masks\": 1}' WHERE round = 1"
            " AND component = 'PosteriorChooser'"
        ),
        "seeds derive",
        "round 1 seeded PosteriorChooser with 1",
    ),
    "a component left out": (
        _sql("DELETE FROM executions WHERE round = 1 AND component = 'Evaluator'"),
        "every component ran",
        "round 1 has no execution of Evaluator",
    ),
    "a query that nobody chose": (
        _sql("DELETE FROM executions WHERE round = 1 AND component = 'PosteriorChooser'"),
        "every component ran",
        "round 1 has no execution of a chooser",
    ),
    "a standard error changed": (
        _sql("UPDATE queries SET standard_error = 0.5 WHERE round = 1 AND rank = 0"),
        "queries are those of the store",
        "rounds/0001/query.csv is not what the store says",
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
        _sql("UPDATE answers SET state = 'skipped', class = NULL WHERE round = 1"),
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
        "rounds/0001/query.csv is not what the store says",
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
        "reads schema 3; use the version that wrote it or choose another --run_dir.\n"
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
