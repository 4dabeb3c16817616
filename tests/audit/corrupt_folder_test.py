"""Every corruption of rounds and of what the folder shows is found and named."""

import contextlib
import shutil
import sqlite3

import pytest

from dbal_tf.audit import command as audit
from dbal_tf.store.layout import STORE_FILE


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


def _remove(path):
    def plant(folder):
        target = folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return plant


def _damage(folder):
    with open(folder / STORE_FILE, "r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


# What is planted, the check that finds it, and what it says.
_CORRUPTIONS = {
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
    "a curve cut short": (
        lambda folder: (folder / "curve.csv").write_text("round\n"),
        "curve is that of the store",
        "line 1 of curve.csv is not what the store says",
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
        "rounds/0001/query.csv was changed: its checksum differs",
    ),
    "a query missing": (
        _remove("rounds/0000/query.csv"),
        "artifacts are whole",
        "rounds/0000/query.csv is missing",
    ),
    "an export changed": (
        _edit("export/2/variables/data", "data", "dato"),
        "artifacts are whole",
        "export/2 was changed: its checksum differs",
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
    "a round's labels taken back": (
        _sql("UPDATE answers SET state = 'skipped', class = NULL WHERE round = 1"),
        "queries are those of the store",
        "rounds/0001/query.csv is not what the store says",
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
