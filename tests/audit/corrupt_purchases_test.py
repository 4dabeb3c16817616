"""Every corruption of what was asked and answered is found and named."""

import contextlib
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
        "test-1 was asked for but is test split",
    ),
    "a validation item bought": (
        _rename("train-8", "train-3"),
        "items are in their split",
        "train-3 was asked for but is validation split",
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
        "the labels that round 2 learnt from were changed",
    ),
    "a correction that claims to be of an earlier round": (
        _answer("train-5", 4, number=0),
        "every round has its labels",
        "answer 8 to train-5 is of round 0, before round 1",
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
        "round 2 has an answer for train-10, which it had not asked for",
    ),
    "a query taken out": (
        _sql("DELETE FROM queries WHERE round = 1"),
        "every round has its labels",
        "round 1 has an answer for train-7, which it had not asked for",
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
        "round 1 asked for train-5, which already had an answer",
    ),
    "an initial item asked for": (
        _sql("UPDATE queries SET item = 'train-0' WHERE round = 0 AND rank = 2"),
        "no id is bought twice",
        "round 0 asked for train-0, which already had an answer",
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
    "the number of labels changed": (
        _sql("UPDATE rounds SET labels = 6 WHERE round = 1"),
        "every round has its labels",
        "round 1 counts 6 labels, there are 5",
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
    "a round far away": (
        _sql("UPDATE rounds SET round = 1000000000 WHERE round = 2"),
        "rounds follow each other",
        "round 2 is missing",
    ),
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
