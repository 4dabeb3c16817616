import dataclasses
import pathlib
import shutil

import numpy as np
import pytest

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments import table2_report
from dbal_tf.experiments.active_rows import read_active
from dbal_tf.experiments.fit_result import FitResult
from dbal_tf.experiments.table2 import fits

_FIGURE1 = pathlib.Path(__file__).parents[2] / "docs" / "results" / "figure1"
_RESULT = FitResult(
    system="vat",
    schedule="faithful",
    hyper_parameters={"epsilon": 2.0, "widths": [1200, 600]},
    seed=1,
    dataset="mnist",
    dataset_checksum="c" * 64,
    labels_sha256="d" * 64,
    bought_by="",
    error=0.015,
    validation_error=0.02,
    seconds=600.0,
    labels=1000,
    unlabelled=54_000,
    validation=5000,
    versions={"commit": "abc", "dbal_tf": "0.1.0"},
    started="2026-01-01 00:00:00+00:00",
    ended="2026-01-01 00:10:00+00:00",
)


def _changed(**changes):
    return dataclasses.replace(_RESULT, **changes)


@pytest.fixture
def config(tmp_path):
    return Config(
        experiment="table2",
        systems=("vat", "embedding"),
        repetitions=2,
        run_dir=str(tmp_path),
    )


@pytest.fixture
def ended():
    return {
        "vat/0": _RESULT,
        "vat/1": _changed(error=0.011, seconds=1200.0),
        "embedding/0": _changed(system="embedding", error=0.06, chosen={"margin": 3.0}),
    }


@pytest.fixture
def active(config):
    """The published runs of figure1."""
    shutil.copytree(_FIGURE1, pathlib.Path(config.run_dir, "active"))
    return read_active(config)


def test_a_row_is_ours_beside_the_papers(config, ended):
    rows = table2_report.main_table(config, ended, []).rows
    assert rows == [
        [
            "Semi-sup. embedding (Weston et al., 2012)",
            *("1", "6.00", "5.73", "+0.27", "10.0", "1000", "54000"),
        ],
        [
            "Virtual adversarial (Miyato et al., 2015)",
            *("2", "1.30 (1.10 to 1.50)", "1.32", "-0.02", "15.0", "1000", "54000"),
        ],
    ]


def test_active_learning_is_compared_with_dropout_off(config, ended, active):
    table = table2_report.main_table(config, ended, active)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["active learning, random"][0] == "3"
    last = [run.curve[-1].evaluation for run in active if run.technique == "bald"]
    mean = 100 * np.mean([point.deterministic_error for point in last])
    ours, theirs, difference = rows["active learning, bald"][1:4]
    assert ours.split()[0] == f"{mean:.2f}"
    assert (theirs, difference) == ("1.80", f"{mean - 1.80:+.2f}")
    # The paper's table leaves it out.
    assert rows["active learning, mean_std"][2:4] == ["-", "-"]
    assert rows["active learning, bald"][5:] == ["1000", "-"]
    assert "; bald " in table.notes[-1]


@pytest.mark.parametrize(
    ("changes", "of_result"),
    [
        ({"dataset": "digits"}, {}),
        ({"classes": ("2", "8")}, {}),
        ({}, {"labels": 900}),
        ({}, {"bought_by": "bald, repetition 0, seed 0"}),
    ],
)
def test_other_data_and_labels_are_not_compared(config, changes, of_result):
    config, result = config.replace(**changes), _changed(**of_result)
    [row] = table2_report.main_table(config, {"vat/0": result}, []).rows
    assert row[3:5] == ["-", "-"]


def test_active_learning_is_shown_at_as_many_labels(config, active):
    ended = {"vat/0": _changed(labels=505)}
    rows = table2_report.main_table(config, ended, active).rows
    assert {row[6] for row in rows[1:]} == {"500"}
    assert {row[3] for row in rows} == {"-"}


def test_what_is_missing_is_named(config, ended):
    assert table2_report.status(fits(config), ended) == [
        "3 of 4 fits have ended.",
        "Not ended: embedding/1.",
    ]


def test_the_files_and_the_lines(config, ended, active):
    lines = table2_report.write(config, fits(config), ended, active)
    folder = pathlib.Path(config.run_dir)
    assert all(len(line) <= 79 or str(folder) in line for line in lines)
    assert lines[2].startswith("Semi-sup. embedding (Weston et al., 2012)")
    assert lines[-1] == f"Report: {folder / 'report.html'}"
    page, text = ((folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    assert "<figure>" not in page
    for part in (
        "# Table 2: semi-supervised and active learning, mnist",
        "The labels are balanced, drawn by seed. 5000 other labels are for validation",
        "| Virtual adversarial (Miyato et al., 2015) | 2 | 1.30 (1.10 to 1.50) | 1.32 |",
        "| vat | faithful | epsilon 2.0, widths [1200, 600] |",
        "| vat/1 | 1.10 | 2.00 | - | 20.0 | 1 | 2026-01-01 00:00 | abc |",
        "| embedding/0 | 6.00 | 2.00 | margin 3 | 10.0 | 1 | 2026-01-01 00:00 | abc |",
        "In all 40 min of wall time",
        "Data: SHA-256 cccccccccccc. Versions: dbal_tf 0.1.0.",
    ):
        assert part in text


def test_labels_that_were_bought_are_named(config):
    result = _changed(bought_by="bald, repetition 0, seed 0")
    table2_report.write(config, fits(config), {"vat/0": result}, [])
    text = pathlib.Path(config.run_dir, "report.md").read_text()
    assert "were bought by active learning (bald, repetition 0, seed 0)." in text


def test_active_learning_alone_can_be_reported(config, active):
    lines = table2_report.write(config, fits(config), {}, active)
    assert "0 of 4 fits have ended." in lines


def test_nothing_cannot_be_reported(config):
    with pytest.raises(InputError, match="holds no fit that has ended; run some, or copy"):
        table2_report.write(config, fits(config), {}, [])
