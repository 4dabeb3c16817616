"""Fits on labels that were bought beside balanced ones, worked out by hand."""

import dataclasses
import pathlib

import pytest

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments import table2_report
from dbal_tf.experiments.bought_rows import labels_table, read_bought_fits
from dbal_tf.experiments.fit_result import read_result
from dbal_tf.experiments.table2 import fits

_LIGHT = pathlib.Path(__file__).parents[2] / "docs" / "results" / "table2" / "light"
_TSVM = read_result(_LIGHT / "tsvm" / "0")


def _fit(error, seed=1, bought_by="", **changes):
    return dataclasses.replace(_TSVM, error=error, seed=seed, bought_by=bought_by, **changes)


def _by(technique, repetition=0):
    return f"{technique}, repetition {repetition}, seed 0"


def test_differences_are_paired_by_seed():
    table = labels_table(
        [
            *(_fit(0.010, 1, _by("bald")), _fit(0.016, 2, _by("bald", 1))),
            *(_fit(0.020, 1), _fit(0.022, 2), _fit(0.030, 3)),
            _fit(0.015, 3, _by("var_ratios")),
            _fit(0.015, 9, _by("random")),
            # Of another system, and of as many labels as no balanced fit has.
            _fit(0.05, 1, system="vat"),
            _fit(0.05, 1, _by("bald"), labels=200),
        ]
    )
    assert [row[:3] for row in table.rows] == [["tsvm", "light", "1000"]] * 4
    assert [row[3:] for row in table.rows] == [
        ["balanced, random", "3", "2.40 (2.00 to 3.00)", "-", "-"],
        # -1.0 and -0.6 points: half of the interval is 12.706 * 0.2.
        ["bald", "2", "1.30 (1.00 to 1.60)", "2", "-0.80 ± 2.54"],
        ["var_ratios", "1", "1.50", "1", "-1.50 ± -"],
        ["random", "1", "1.50", "0", "-"],
    ]


def test_fits_of_one_seed_on_the_labels_of_several_runs_all_count():
    bought = [_fit(0.010, 1, _by("bald")), _fit(0.014, 1, _by("bald", 1))]
    table = labels_table([_fit(0.020, 1), *bought])
    assert table.rows[1][3:] == ["bald", "2", "1.20 (1.00 to 1.40)", "1", "-0.80 ± -"]


def test_fits_with_other_hyper_parameters_make_no_pair():
    other = {"hyper_parameters": {**_TSVM.hyper_parameters, "ramp": 0.5}}
    bought = [_fit(0.010, 1, _by("bald")), _fit(0.012, 1, _by("var_ratios"), **other)]
    table = labels_table([_fit(0.020, 1), *bought, _fit(0.014, 2, _by("bald", 1), **other)])
    assert sorted(row[3:] for row in table.rows) == [
        ["balanced, random", "1", "2.00", "-", "-"],
        ["bald", "1", "1.00", "1", "-1.00 ± -"],
        ["bald", "1", "1.40", "0", "-"],
        ["var_ratios", "1", "1.20", "0", "-"],
    ]


def test_one_origin_of_labels_makes_no_table():
    assert labels_table([_fit(0.02), _fit(0.03, 2)]).rows == []
    assert labels_table([_fit(0.02, 1, _by("bald"))]).rows == []
    assert labels_table([]).rows == []


@pytest.fixture
def config(tmp_path):
    return Config(experiment="table2", systems=("tsvm",), run_dir=str(tmp_path))


def _write(config, path, result):
    folder = pathlib.Path(config.run_dir, path)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(result.to_json())


def test_the_report_has_the_table_if_such_fits_were_copied_there(config):
    ended = {"tsvm/0": _fit(0.02)}
    table2_report.write(config, fits(config), ended, [], read_bought_fits(config))
    report = pathlib.Path(config.run_dir, "report.md")
    assert "labels from" not in report.read_text()
    _write(config, "bought/first/tsvm/0", _fit(0.01, 1, _by("bald")))
    table2_report.write(config, fits(config), ended, [], read_bought_fits(config))
    assert "| tsvm | light | 1000 | bald | 1 | 1.00 | 1 | -1.00 ± - |" in report.read_text()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (_fit(0.01), "holds a fit of --dataset=mnist on balanced labels; expected"),
        (_fit(0.01, 1, _by("bald"), dataset="digits"), "holds a fit of --dataset=digits on"),
    ],
)
def test_what_is_no_fit_on_bought_labels_is_refused(config, result, message):
    _write(config.replace(dataset="mnist"), "bought/bald/tsvm/0", result)
    with pytest.raises(InputError, match=message):
        read_bought_fits(config.replace(dataset="mnist"))
