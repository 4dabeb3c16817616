import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.acquisition import bald, top_k
from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.bayesian.statistics import PredictiveStatistics
from dbal_tf.config import Config
from dbal_tf.config.flagfile import differing_flags
from dbal_tf.experiments.figure2 import EXPERIMENT, posterior_by_settings
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.outcome import Outcome


def test_every_technique_runs_with_both_posteriors():
    config = Config(experiment="figure2", acquisition=("bald", "random"))
    assert [
        (cell.path, cell.config.posterior) for cell in cells(EXPERIMENT, config, pytest.fail)
    ] == [
        ("mc_dropout/bald/0", "mc_dropout"),
        ("mc_dropout/random/0", "mc_dropout"),
        ("deterministic/bald/0", "deterministic"),
        ("deterministic/random/0", "deterministic"),
    ]


def test_a_posterior_of_one_point_has_no_mutual_information_as_the_caption_says():
    probs = np.random.default_rng(0).dirichlet(np.ones(10), (200, 1))
    scores = bald(PredictiveStatistics.from_probs(tf.constant(probs, tf.float32))).numpy()
    assert not scores.any()
    random = top_k(np.zeros(200), 10, seed=3)
    assert top_k(scores, 10, seed=3).tolist() == random.tolist()
    assert "every score is exactly 0" in EXPERIMENT.captions[0]


# The settings of configs/figure2.cfg.
FIGURE = Config(
    experiment="figure2", acquisition=("max_entropy", "random"), rounds=98, pool_subset=2000
)


@pytest.mark.parametrize(
    ("path", "posterior"),
    [
        ("mc_dropout_3x3/max_entropy/0", ""),
        ("deterministic_3x3/max_entropy/0", "--posterior=deterministic\n"),
    ],
)
def test_runs_made_alone_are_those_of_the_grid(path, posterior):
    alone = (
        "--dataset=mnist\n--kernel_size=3\n--weight_decay=3.5\n--initializer=early_keras\n"
        "--pool_size=40000\n--rounds=98\n--num_samples=100\n--acquisition=max_entropy\n"
    )
    settings = {cell.path: cell.config for cell in cells(EXPERIMENT, FIGURE, pytest.fail)}
    assert differing_flags(settings[path], alone + posterior) == []
    assert settings[path].rounds == 98
    assert path.replace("max_entropy", "random") not in settings


@pytest.fixture
def results():
    """Runs of max_entropy: Bayesian twice, deterministic with 3x3 once; no others."""
    errors = {
        "mc_dropout/max_entropy/0": (0.2, 0.06, 0.03, 0.02),
        "mc_dropout/max_entropy/1": (0.3, 0.08, 0.03, 0.01),
        "deterministic_3x3/max_entropy/0": (0.3, 0.1, 0.05, 0.022),
    }
    counts = (100, 300, 500, 1000)
    made = []
    for cell in cells(EXPERIMENT, FIGURE.replace(repetitions=2), pytest.fail):
        curve = [
            # With dropout the errors are others.
            CurvePoint(i, count, Evaluation(0.5, 0, 0, 0, error, 0), 2.5, {})
            for i, (count, error) in enumerate(
                zip(counts, errors.get(cell.path, ()), strict=False)
            )
        ]
        made.append(Result(cell, Outcome(curve, {}, "", "") if curve else None))
    return made


def test_posterior_by_settings_beside_the_authors(results):
    table = posterior_by_settings(FIGURE, results)
    assert table.header == [
        *("network", "whose", "error at 100", "error at 300", "error at 500"),
        *("error at 1000", "labels to 10 %", "labels to 5 %"),
    ]
    assert table.rows == [
        [
            *("Bayesian", "ours", "25.00 (20.00 to 30.00)", "7.00 (6.00 to 8.00)"),
            *("3.00 (3.00 to 3.00)", "1.50 (1.00 to 2.00)"),
            *("300 (300 to 300)", "500 (500 to 500)"),
        ],
        ["Bayesian", "theirs", "22.13", "6.78", "3.45", "1.74", "210", "370"],
        ["deterministic", "ours", *"------"],
        ["Bayesian, 3x3", "ours", *"------"],
        ["deterministic, 3x3", "ours", "30.00", "10.00", "5.00", "2.20", "300", "500"],
        ["deterministic, 3x3", "theirs", "27.64", "10.04", "5.43", "2.30", "310", "540"],
    ]


def test_other_data_have_no_rows_of_the_authors(results):
    table = posterior_by_settings(FIGURE.replace(dataset="digits"), results)
    assert [row[1] for row in table.rows] == ["ours"] * 4


def test_without_a_run_there_is_no_table(results):
    none = [dataclasses.replace(result, record=None) for result in results]
    assert posterior_by_settings(FIGURE, none).rows == []
