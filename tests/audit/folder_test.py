"""What is not recorded is not an error; `corrupt_folder_test.py` plants errors."""

import dataclasses
import math

import pytest

from dbal_tf.audit import folder
from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.shared import NotRecorded
from dbal_tf.core import InputError
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.rows import RoundRecord


@pytest.fixture
def facts(finished_run):
    return read_facts(finished_run)


@pytest.mark.parametrize(
    "check",
    [
        folder.curve_is_that_of_the_store,
        folder.queries_are_those_of_the_store,
        folder.seeds_derive,
        folder.every_component_ran,
        folder.artifacts_are_whole,
        folder.exports_are_complete,
    ],
)
def test_published_results_have_no_store(facts, check):
    with pytest.raises(NotRecorded):
        list(check(dataclasses.replace(facts, has_store=False)))


def test_the_folder_and_the_rounds_of_a_run_may_change(facts):
    path = facts.folder / "flags.cfg"
    config = facts.config.replace(rounds=9, run_dir="elsewhere", data_dir="there")
    path.write_text(config.to_flags())
    assert list(folder.flags_are_those_of_the_run(facts)) == []


def test_a_flag_that_is_newer_than_the_run_has_its_default(facts):
    path = facts.folder / "flags.cfg"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("--remainder=")))
    assert list(folder.flags_are_those_of_the_run(facts)) == []


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_an_error_is_a_share(facts, value):
    point = facts.rounds[0].point
    evaluation = dataclasses.replace(point.evaluation, error=value)
    row = RoundRecord(dataclasses.replace(point, evaluation=evaluation), {})
    found = list(folder.measures_are_in_range(dataclasses.replace(facts, rounds=[row])))
    assert found == [f"round 0 has error {value}"]


@pytest.mark.parametrize(("name", "value"), [("nll", math.inf), ("auc", 1.5)])
def test_other_measures_have_a_range_too(facts, name, value):
    point = facts.rounds[0].point
    evaluation = dataclasses.replace(point.evaluation, **{name: value})
    row = RoundRecord(dataclasses.replace(point, evaluation=evaluation), {})
    found = list(folder.measures_are_in_range(dataclasses.replace(facts, rounds=[row])))
    assert found == [f"round 0 has {name} {value}"]


def test_the_first_point_may_not_be_in_the_curve_yet_whatever_its_columns(facts):
    point = facts.rounds[0].point
    with_auc = dataclasses.replace(point.evaluation, auc=0.75)
    row = RoundRecord(dataclasses.replace(point, evaluation=with_auc), {})
    first = dataclasses.replace(facts, rounds=[row], asked=[])
    path = facts.folder / "curve.csv"
    path.write_text(curve_csv([]))
    assert list(folder.curve_is_that_of_the_store(first)) == []
    path.unlink()
    assert list(folder.curve_is_that_of_the_store(dataclasses.replace(first, rounds=[]))) == []
    with pytest.raises(InputError, match=r"curve\.csv cannot be read"):
        list(folder.curve_is_that_of_the_store(first))


def test_a_run_that_wants_no_export_has_none(facts):
    without = [row for row in facts.artifacts if row.kind != "saved_model"]
    bare = dataclasses.replace(facts, artifacts=without)
    assert list(folder.exports_are_complete(bare)) == ["round 2 was the last but has no export"]
    # It may have begun with another value.
    flags = facts.config.replace(export_every=-1).to_flags()
    (facts.folder / "flags.cfg").write_text(flags)
    assert list(folder.exports_are_complete(bare)) == []
