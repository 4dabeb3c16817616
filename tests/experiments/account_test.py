"""What a report says of its runs."""

import dataclasses

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments import account
from dbal_tf.experiments.figure1 import EXPERIMENT as FIGURE1
from dbal_tf.experiments.figure3 import EXPERIMENT as FIGURE3
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.experiments.table1 import EXPERIMENT

CONFIG = Config(
    experiment="table1", acquisition=("bald", "random"), rounds=10, dataset="digits"
)
SECONDS = {"train": 600.0, "score": 300.0, "export": 60.0}


def _results(**points):
    """The runs of table1 in small, some with so many rounds measured, by acquisition."""
    results = [Result(cell, None) for cell in cells(EXPERIMENT, CONFIG, lambda: 10)]
    evaluation = Evaluation(0.5, 0, 0, 0, 0.5, 0)
    for index, count in enumerate(points.values()):
        curve = [CurvePoint(i, 20 + i, evaluation, 2.5, SECONDS) for i in range(count)]
        versions = {"dbal_tf": "0.1.0", "commit": f"commit{index}", "python": "3.12.1"}
        record = Outcome(curve, versions, "2025-01-02T03:04:05+00:00", "2025-01-02T13:04:05")
        results[index] = dataclasses.replace(results[index], record=record)
    return results


def test_what_is_missing_is_named():
    assert account.status(_results(finished=11, begun=4)) == [
        "1 of 6 runs are finished.",
        "Not finished, and used only where no repetition is finished: figure1/random/0 "
        "(round 3 of 10).",
        "Missing: authors/bald/0, authors/random/0, as_released/bald/0, as_released/random/0.",
    ]
    assert account.status(_results(finished=11)[:1]) == ["1 of 1 runs are finished."]


def test_the_stamp_says_protocol_commit_and_cost():
    assert account.stamp(CONFIG, _results(finished=11, begun=4)) == (
        "digits; 2 per class at the start, 10 per query from the whole pool; T = 100; commit "
        "commit0 or commit1; 2 runs, 4 h 00 min."
    )
    both = account.stamp(CONFIG, _results(a=1, b=1, c=1))
    assert (
        "10 per query from the whole pool; or 10 per class at the start, 5 per query from a"
        in both
    )


def test_the_stamp_says_what_the_pool_was_made_of():
    config = CONFIG.replace(pool_counts=("0:5", "1:50"), pool_copies=4)
    results = _results(a=1)[:1]
    cell = dataclasses.replace(results[0].cell, config=config)
    stamp = account.stamp(config, [dataclasses.replace(results[0], cell=cell)])
    assert "10 per query from the whole pool of 0 5, 1 50, each image 4 times; T = 100" in stamp


def test_the_protocol_holds_every_setting_that_makes_the_runs():
    table = account.protocol(_results())
    assert list(table.header) == ["flag", "start 20", "start 100", "start 100, as released"]
    rows = {row[0]: row[1:] for row in table.rows}
    varied = {"experiment", "acquisition", "repetition", "repetitions"}
    assert rows.keys() == {f"--{n}" for n in (Config.identity() | {"rounds"}) - varied}
    assert rows["--kernel_size"] == ["4", "3", "3"]
    assert rows["--initializer"] == ["glorot_uniform", "glorot_uniform", "early_keras"]
    assert rows["--rounds"] == ["10", "4", "4"]
    assert rows["--epochs"] == ["50"] * 3


def test_the_protocol_is_of_every_variant_that_has_a_run():
    config = CONFIG.replace(acquisition=("max_entropy", "random"), repetitions=2)

    def header(experiment):
        grid = cells(experiment, config, pytest.fail)
        return account.protocol([Result(cell, None) for cell in grid]).header

    assert header(FIGURE1) == ["flag", "all runs"]
    assert header(FIGURE3) == ["flag", "bayesian", "deterministic"]


def test_the_cost_of_every_run_that_has_begun():
    table = account.cost(_results(finished=11, begun=4))
    assert table.header == [
        *("run", "rounds", "train", "score", "evaluate", "label", "export"),
        *("in all", "started", "committed", "commit"),
    ]
    assert table.rows == [
        [
            *("figure1/bald/0", "10 of 10", "110.0", "55.0", "0.0", "0.0", "11.0", "176.0"),
            *("2025-01-02T03:04", "2025-01-02T13:04", "commit0"),
        ],
        [
            *("figure1/random/0", "3 of 10", "40.0", "20.0", "0.0", "0.0", "4.0", "64.0"),
            *("2025-01-02T03:04", "2025-01-02T13:04", "commit1"),
        ],
    ]
    assert table.notes[0].endswith("Versions: dbal_tf 0.1.0, python 3.12.1.")


def test_exports_that_nobody_timed_cost_nothing():
    [result] = _results(begun=1)[:1]
    untimed = [dataclasses.replace(result.curve[0], seconds={"train": 600.0, "score": 300.0})]
    record = dataclasses.replace(result.record, curve=untimed)
    table = account.cost([dataclasses.replace(result, record=record)])
    assert table.rows[0][2:8] == ["10.0", "5.0", "0.0", "0.0", "0.0", "15.0"]


def test_a_commit_that_nobody_knows():
    [result] = _results(begun=1)[:1]
    record = dataclasses.replace(result.record, versions={"commit": ""})
    table = account.cost([dataclasses.replace(result, record=record)])
    assert table.rows[0][-1] == "unknown"


def test_a_start_of_unequal_counts_is_told():
    config = Config(initial_counts=("a:80", "b:20"), acquisition_size=100)
    text = account._queries(config)
    assert text == "a 80, b 20 at the start, 100 per query from the whole pool"
