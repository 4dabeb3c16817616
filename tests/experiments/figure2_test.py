import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.acquisition import bald, top_k
from dbal_tf.bayesian.statistics import PredictiveStatistics
from dbal_tf.config import Config
from dbal_tf.experiments.figure2 import EXPERIMENT
from dbal_tf.experiments.grid import cells


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
