"""What no run writes is found, named, and never a traceback."""

import contextlib
import sqlite3

import pytest

from dbal_tf.audit import command as audit
from dbal_tf.audit import folder
from dbal_tf.store import schema
from dbal_tf.store.layout import STORE_FILE


def _sql(*statements):
    def plant(run):
        with contextlib.closing(sqlite3.connect(run / STORE_FILE)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return plant


# What is planted, the check that finds it, and what it says.
_DAMAGE = {
    "seconds that are none": (
        _sql("UPDATE rounds SET seconds = '[]' WHERE round = 1"),
        "store is whole",
        "it is damaged (a value cannot be read: ",
    ),
    "a digest of labels changed": (
        _sql("UPDATE rounds SET labels_sha256 = 'd' WHERE round = 1"),
        "labels are as they were learnt",
        "the labels that round 1 learnt from were changed",
    ),
    "all digests of labels taken away": (
        _sql("UPDATE rounds SET labels_sha256 = ''"),
        "labels are as they were learnt",
        "the labels that round 0 learnt from were changed (and 2 more)",
    ),
    "a purpose changed": (
        _sql(
            "UPDATE executions SET seeds = replace(seeds, 'fit', 'test') WHERE round = 1"
            " AND component = 'Trainer'"
        ),
        "seeds derive",
        "round 1 seeded Trainer with ",
    ),
    "seeds that are none": (
        _sql("UPDATE executions SET seeds = '[1]' WHERE round = 1"),
        "seeds derive",
        "a value cannot be read: ",
    ),
    "a checksum taken away": (
        _sql("UPDATE artifacts SET sha256 = '' WHERE round = 1"),
        "artifacts are whole",
        "rounds/0001/query.csv was changed: its checksum differs",
    ),
    "the names of classes taken away": (
        _sql("UPDATE runs SET class_names = '[]'"),
        "labels are classes",
        "the names of the classes are missing",
    ),
    "the splits taken away": (
        _sql("DELETE FROM splits"),
        "items are in their split",
        "train-0 was bought but is in no split",
    ),
    "the ids of a split taken away": (
        _sql("UPDATE splits SET ids = NULL WHERE split = 'validation'"),
        "items are in their split",
        "the ids of validation are missing",
    ),
    "an answer that is no number": (
        _sql("UPDATE answers SET class = 'cat' WHERE item = 'train-8'"),
        "labels are classes",
        "a value cannot be read: ",
    ),
    "an answer of a round that is no number": (
        _sql("UPDATE answers SET round = 'first' WHERE item = 'train-8'"),
        "labels are as they were learnt",
        "a value cannot be read: ",
    ),
    "an answer to a test item that is no class": (
        _sql(
            "INSERT INTO answers (item, class, state, annotator, time)"
            " VALUES ('test-0', 99, 'labelled', 'Ann', '')"
        ),
        "labels are classes",
        "test-0 has class 99",
    ),
    "the data's checksum changed": (
        _sql("UPDATE runs SET dataset_checksum = 'd'"),
        "exports are complete",
        "export/2/complete.json names other data than the store",
    ),
}


@pytest.mark.parametrize("name", _DAMAGE)
def test_what_is_planted_is_found_and_named(finished_run, capsys, name):
    plant, check, says = _DAMAGE[name]
    plant(finished_run)
    assert audit.main([str(finished_run)]) == 1
    lines = capsys.readouterr().out.splitlines()
    [line] = [line for line in lines if line.startswith(f"  {check}  ")]
    assert "WRONG: " in line
    assert says in line


def test_a_lineage_of_damaged_values_is_one_sentence(finished_run, capsys):
    _sql("UPDATE rounds SET versions = '{}'")(finished_run)
    assert audit.main([str(finished_run), "--lineage=model/1"]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "holds a value that cannot be read (KeyError('dbal_tf')), expected" in err


def test_a_file_that_cannot_be_read_is_wrong(finished_run, capsys, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(folder, "digest", refuse)
    assert audit.main([str(finished_run)]) == 1
    assert "WRONG: rounds/0000/query.csv cannot be read (Permission denied) (and 2 more)" in (
        capsys.readouterr().out
    )


def test_a_store_that_cannot_be_opened_is_not_called_wrong(finished_run, capsys, monkeypatch):
    def refuse(path):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(schema, "read_only", refuse)
    assert audit.main([str(finished_run)]) == 2
    out, err = capsys.readouterr()
    assert "WRONG" not in out
    assert err.startswith(f"dbal_tf: {finished_run / STORE_FILE} cannot be opened (unable to")
