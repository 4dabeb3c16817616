import csv

import pytest

from dbal_tf.audit import folder, purchases
from dbal_tf.audit.checks import CHECKS, check
from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.shared import NotRecorded
from dbal_tf.core import InputError


def passes(facts):
    yield from ()


def finds_two_things(facts):
    yield "the first"
    yield "the second"


def does_not_know(facts):
    yield from ()
    raise NotRecorded("colours")


def cannot_read(facts):
    yield from ()
    raise InputError("A file is gone; put it back.")


def cannot_compare(facts):
    yield 1 < "one"


def cannot_find(facts):
    yield {}["pool"]


def cannot_open(facts):
    yield from ()
    raise PermissionError(13, "Permission denied", "query.csv")


def cannot_split(facts):
    yield from csv.reader(['"' + "x" * 200_000])


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (cannot_find, "a value cannot be read: 'pool'"),
        (cannot_open, "a file cannot be read: [Errno 13] Permission denied: 'query.csv'"),
        (cannot_split, "a value cannot be read: field larger than field limit"),
    ],
)
def test_what_no_run_writes_is_wrong_and_no_crash(finished_run, one, says):
    passed, line = check(one, read_facts(finished_run))
    assert not passed
    assert f"WRONG: {says}" in line


def test_an_outcome_is_a_line(finished_run):
    facts = read_facts(finished_run)
    outcomes = [check(one, facts) for one in (passes, does_not_know, finds_two_things)]
    assert outcomes == [
        (True, "  passes                          ok"),
        (True, "  does not know                   not recorded: colours"),
        (False, "  finds two things                WRONG: the first (and 1 more)"),
    ]
    assert check(cannot_read, facts)[1].endswith("WRONG: A file is gone; put it back")
    assert " WRONG: a value cannot be read: '<' not" in check(cannot_compare, facts)[1]


def test_every_check_is_asked():
    written = {
        name
        for room in (folder, purchases)
        for name, value in vars(room).items()
        if getattr(value, "__module__", None) == room.__name__ and name[0] != "_"
    }
    assert {one.__name__ for one in CHECKS} == written
    assert all(len(name) < 32 for name in written)
