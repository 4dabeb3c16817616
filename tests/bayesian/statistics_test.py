"""The statistics of samples, in one tile or many."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from dbal_tf.bayesian.statistics import PredictiveStatistics, Sums, entropy
from dbal_tf.core import InputError


def _probs(n: int, t: int, c: int, alpha: float = 0.3) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(c, alpha), (n, t))


def test_known_answers() -> None:
    probs = [[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.0, 1.0, 0.0]]]
    got = PredictiveStatistics.from_probs(np.array(probs))
    np.testing.assert_allclose(got.mean_probs, [[0.25, 7 / 12, 1 / 6]], atol=1e-15)
    # E[p^2] - E[p]^2: 5/48 - 1/16, 21/48 - 49/144, 1/24 - 1/36.
    np.testing.assert_allclose(got.var_probs, [[1 / 24, 7 / 72, 1 / 72]], atol=1e-15)
    np.testing.assert_allclose(got.expected_entropy, [np.log(2)], atol=1e-15)
    np.testing.assert_allclose(got.votes, [[1 / 3, 2 / 3, 0]], atol=1e-15)


@pytest.mark.parametrize(("dtype", "limit"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("t", [1, 3, 100])
def test_from_probs_equals_numpy(dtype: type, limit: float, t: int) -> None:
    probs = _probs(50, t, 4).astype(dtype)
    got = PredictiveStatistics.from_probs(probs)
    votes = np.eye(4)[probs.argmax(axis=-1)].mean(axis=1)
    expected = (
        probs.mean(axis=1),
        probs.var(axis=1),
        scipy.special.entr(probs).sum(axis=-1).mean(axis=1),
        votes,
    )
    for name, ours, numpys in zip(got._fields, got, expected, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, numpys, atol=limit, err_msg=name)


@pytest.mark.parametrize("tile", [1, 2, 7, 64, 99])
def test_tiles_of_any_size_give_the_same(tile: int) -> None:
    probs_tnc = _probs(100, 20, 5).astype(np.float32)
    whole = Sums.from_probs(tf.constant(probs_tnc))
    sums = Sums.from_probs(tf.constant(probs_tnc[:tile]))
    for start in range(tile, len(probs_tnc), tile):
        sums = sums.plus(tf.constant(probs_tnc[start : start + tile]))
    assert float(sums.count) == 100
    for name, ours, once in zip(
        PredictiveStatistics._fields, sums.statistics(), whole.statistics(), strict=True
    ):
        np.testing.assert_allclose(ours, once, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_passes_have_a_variance_of_exactly_zero(dtype: type) -> None:
    probs_nc = _probs(1, 200, 7)[0].astype(dtype)
    tile = tf.constant(np.repeat(probs_nc[np.newaxis], 33, axis=0))
    got = Sums.from_probs(tile).plus(tile).plus(tile[:1]).statistics()
    np.testing.assert_array_equal(got.var_probs, 0)
    np.testing.assert_array_equal(got.mean_probs, probs_nc)
    np.testing.assert_array_equal(got.expected_entropy, entropy(probs_nc))


def test_a_small_variance_does_not_cancel() -> None:
    noise = 1e-5 * np.random.default_rng(0).standard_normal((1, 1000))
    probs = np.stack([0.5 + noise, 0.5 - noise], axis=-1).astype(np.float32)
    got = PredictiveStatistics.from_probs(probs).var_probs.numpy()
    np.testing.assert_allclose(got, probs.astype(np.float64).var(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("probs", "expected"),
    [
        ([1.0, 0.0, 0.0], 0.0),
        ([0.0, 0.0], 0.0),
        ([0.5, 0.5], np.log(2)),
        ([0.25] * 4, np.log(4)),
        ([0.5, 0.25, 0.25], 1.5 * np.log(2)),
    ],
)
def test_entropy(probs: list, expected: float) -> None:
    assert float(entropy(np.array(probs))) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        (np.full((4, 3), 0.5), r"shape \(4, 3\) were given; expected probabilities of items"),
        (np.zeros((4, 0, 3)), r"shape \(4, 0, 3\) were given"),
        ([[[2.0, 1.0], [0.5, 0.5]]], "1 of 2 samples are not class probabilities"),
        ([[[1.5, -0.5]]], "1 of 1 samples are not class probabilities; .* apply a softmax"),
        ([[[np.nan, 0.5], [np.inf, 0.0]]], "2 of 2 samples are not class probabilities"),
    ],
)
def test_samples_that_are_no_probabilities(probs: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PredictiveStatistics.from_probs(probs)


def test_samples_of_few_bits_are_summed_up_in_float32() -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(3), (20, 5000)).astype(np.float16)
    got = PredictiveStatistics.from_probs(probs)
    expected = PredictiveStatistics.from_probs(probs.astype(np.float32))
    for array, same in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array, same)
    whole = PredictiveStatistics.from_probs([[[1, 0], [0, 1]]])
    assert whole.mean_probs.numpy().tolist() == [[0.5, 0.5]]
