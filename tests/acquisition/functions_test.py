"""Acquisition functions: by hand, against NumPy, and what holds for any samples."""

import doctest
import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dbal_tf import seeds
from dbal_tf.acquisition import functions, selection
from dbal_tf.bayesian import statistics
from dbal_tf.bayesian.statistics import PredictiveStatistics

LOG2 = math.log(2)
AGREE = [[0.5, 0.5], [0.5, 0.5]]
DISAGREE = [[1.0, 0.0], [0.0, 1.0]]
SURE = [[1.0, 0.0], [1.0, 0.0]]
# Means 3/8, 3/8, 1/4; one vote each for the first and second class.
MIXED = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]
MIXED_ENTROPY = 2 * 3 / 8 * math.log(8 / 3) + LOG2 / 2

SCORES = {
    name: getattr(functions, name)
    for name in ("max_entropy", "bald", "var_ratios", "var_ratios_votes", "mean_std", "random")
}


@pytest.mark.parametrize(
    ("name", "probs", "expected"),
    [
        ("max_entropy", AGREE, LOG2),
        ("max_entropy", DISAGREE, LOG2),
        ("max_entropy", SURE, 0.0),
        ("max_entropy", MIXED, MIXED_ENTROPY),
        ("bald", AGREE, 0.0),
        ("bald", DISAGREE, LOG2),
        ("bald", SURE, 0.0),
        ("bald", MIXED, MIXED_ENTROPY - 1.5 * LOG2),
        ("var_ratios", AGREE, 0.5),
        ("var_ratios", DISAGREE, 0.5),
        ("var_ratios", SURE, 0.0),
        ("var_ratios", MIXED, 5 / 8),
        ("var_ratios_votes", AGREE, 0.0),
        ("var_ratios_votes", DISAGREE, 0.5),
        ("var_ratios_votes", SURE, 0.0),
        ("var_ratios_votes", MIXED, 0.5),
        ("mean_std", AGREE, 0.0),
        ("mean_std", DISAGREE, 0.5),
        ("mean_std", SURE, 0.0),
        ("mean_std", MIXED, (1 / 8 + 1 / 8 + 0) / 3),
        ("random", MIXED, 0.0),
    ],
)
def test_known_answer(name: str, probs: list, expected: float) -> None:
    score = SCORES[name](PredictiveStatistics.from_probs(np.array([probs])))
    assert score.numpy() == pytest.approx([expected], abs=1e-15)


def _reference(probs_ntc: np.ndarray) -> dict[str, np.ndarray]:
    """The same scores in plain NumPy, in two passes over the samples."""
    mean_nc = probs_ntc.mean(axis=1)
    entropy = scipy.special.entr(mean_nc).sum(axis=-1)
    expected = scipy.special.entr(probs_ntc).sum(axis=-1).mean(axis=1)
    classes = probs_ntc.shape[-1]
    votes = [np.bincount(row, minlength=classes).max() for row in probs_ntc.argmax(axis=-1)]
    return {
        "max_entropy": entropy,
        "bald": np.maximum(entropy - expected, 0),
        "var_ratios": 1 - mean_nc.max(axis=-1),
        "var_ratios_votes": 1 - np.array(votes) / probs_ntc.shape[1],
        "mean_std": probs_ntc.std(axis=1).mean(axis=-1),
        "random": np.zeros(len(probs_ntc)),
    }


def _random_probs(rng: np.random.Generator, items: int, t: int, c: int) -> np.ndarray:
    """Probabilities `[n, t, c]` from flat to certain, with exact zeros and ones."""
    alphas = rng.choice([0.01, 0.1, 1.0, 10.0], items)
    probs = np.stack([rng.dirichlet(np.full(c, alpha), t) for alpha in alphas])
    probs[probs < 1e-6] = 0
    probs /= probs.sum(axis=-1, keepdims=True)
    certain = rng.random((items, t)) < 0.2
    probs[certain] = np.eye(c)[rng.integers(c, size=certain.sum())]
    return probs


def test_equals_numpy_on_10000_random_tensors() -> None:
    rng = np.random.default_rng(0)
    worst, count, zeros, ones = dict.fromkeys(SCORES, 0.0), 0, 0, 0
    for t in range(1, 21):
        for c in range(2, 11):
            probs = _random_probs(rng, 56, t, c)
            got = PredictiveStatistics.from_probs(probs)
            for name, expected in _reference(probs).items():
                difference = np.abs(SCORES[name](got).numpy() - expected).max()
                worst[name] = max(worst[name], difference)
            count += len(probs)
            zeros, ones = zeros + (probs == 0).sum(), ones + (probs == 1).sum()
    assert (count >= 10_000, zeros > 10_000, ones > 10_000) == (True, True, True)
    assert max(worst.values()) < 1e-12, worst


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("t", [1, 2, 7, 100, 101])
def test_bald_of_equal_passes_is_exactly_zero(dtype: type, t: int) -> None:
    probs_nc = np.random.default_rng(t).dirichlet(np.ones(7), 333).astype(dtype)
    equal = np.repeat(probs_nc[:, np.newaxis], t, axis=1)
    scores = functions.bald(PredictiveStatistics.from_probs(equal)).numpy()
    assert scores.dtype == dtype
    np.testing.assert_array_equal(scores, 0)


def test_bald_sees_one_pass_that_differs_a_little() -> None:
    probs = np.full((1, 100, 2), 0.5)
    probs[0, 57] = [0.51, 0.49]
    assert functions.bald(PredictiveStatistics.from_probs(probs)).numpy()[0] > 1e-6


@st.composite
def _samples(draw: st.DrawFn) -> np.ndarray:
    """Any class probabilities `[n, t, c]`, float64."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(2, 5)))
    weights = draw(arrays(np.float64, shape, elements=st.floats(0, 1, width=32)))
    weights[weights.sum(axis=-1) == 0] = 1
    return weights / weights.sum(axis=-1, keepdims=True)


def _scores(probs_ntc: np.ndarray) -> dict[str, np.ndarray]:
    got = PredictiveStatistics.from_probs(probs_ntc)
    return {name: score(got).numpy() for name, score in SCORES.items()}


@settings(max_examples=150, deadline=None)
@given(_samples())
def test_scores_are_within_their_bounds(probs: np.ndarray) -> None:
    scores, c = _scores(probs), probs.shape[-1]
    assert all((score >= 0).all() for score in scores.values()), scores
    assert (scores["bald"] <= scores["max_entropy"] + 1e-12).all()
    assert (scores["max_entropy"] <= math.log(c) + 1e-12).all()
    assert (scores["var_ratios"] <= 1 - 1 / c + 1e-12).all()
    assert (scores["var_ratios_votes"] <= 1 - 1 / c + 1e-12).all()
    assert (scores["mean_std"] <= 0.5 + 1e-12).all()


@settings(max_examples=100, deadline=None)
@given(_samples(), st.integers(0, 99))
def test_permutations(probs: np.ndarray, seed: int) -> None:
    scores = _scores(probs)
    items, samples, classes = map(np.random.default_rng(seed).permutation, probs.shape)
    by_sample, by_item = _scores(probs[:, samples]), _scores(probs[items])
    by_class = _scores(probs[..., classes])
    for name, score in scores.items():
        np.testing.assert_allclose(by_sample[name], score, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(by_item[name], score[items], atol=1e-12, err_msg=name)
        if name != "var_ratios_votes":  # an exact tie goes to the first class
            np.testing.assert_allclose(by_class[name], score, atol=1e-12, err_msg=name)


def test_votes_do_not_depend_on_the_order_of_classes() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(4), (50, 9))
    got, permuted = _scores(probs), _scores(probs[..., [2, 0, 3, 1]])
    np.testing.assert_array_equal(got["var_ratios_votes"], permuted["var_ratios_votes"])


@pytest.mark.parametrize(
    "module", [functions, selection, statistics, seeds], ids=lambda module: module.__name__
)
def test_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_bald_of_no_number_is_no_number() -> None:
    got = PredictiveStatistics.from_probs(np.full((2, 3, 4), 0.25))
    broken = got._replace(
        mean_probs=got.mean_probs * np.array([[1], [np.nan]]),
        var_probs=got.var_probs * np.array([[1], [np.nan]]),
    )
    np.testing.assert_array_equal(functions.bald(broken), [0, np.nan])
