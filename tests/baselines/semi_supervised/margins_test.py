"""Probabilities of margins: known answers, and the scale of the highest likelihood."""

import doctest

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised import margins


def test_examples_in_docstrings():
    assert doctest.testmod(margins).failed == 0


def test_scale_recovers_the_factor_that_labels_were_drawn_with():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3))
    classes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert margins.best_scale(logits / 4, classes) == pytest.approx(4, rel=0.05)


def test_margins_that_tell_nothing_get_a_small_scale():
    rng = np.random.default_rng(0)
    scale = margins.best_scale(rng.normal(size=(5000, 4)), rng.integers(0, 4, 5000))
    assert scale < 0.1


def test_large_margins_do_not_overflow():
    probs = margins.probs_of(np.array([[1e6, -1e6]]), 100.0)
    np.testing.assert_array_equal(probs, [[1, 0]])
