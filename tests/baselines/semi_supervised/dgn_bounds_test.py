"""Bounds of M1 and M2: closed forms, brute force over classes, below the likelihood."""

import math

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dbal_tf.baselines.semi_supervised import dgn_bounds
from dbal_tf.baselines.semi_supervised.dgn_bounds import (
    M1,
    M2,
    gaussian_kl,
    gaussian_log_density,
    network,
    sampled,
)


def normal(shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


@pytest.fixture(autouse=True)
def spread(monkeypatch):
    """M2 whose classes differ from the start."""
    monkeypatch.setattr(dgn_bounds, "_SPREAD", 0.3)


def test_m2_starts_with_classes_that_are_equal(monkeypatch):
    monkeypatch.undo()
    m2, x, noise = M2(4, (5,), 2, num_classes=3, seed=0), normal((6, 4)), normal((6, 2), seed=1)
    bounds = [m2.bound(x, tf.one_hot([y] * 6, 3), noise) for y in range(3)]
    np.testing.assert_allclose(bounds, np.broadcast_to(bounds[0], (3, 6)), atol=0.05)
    np.testing.assert_allclose(keras.ops.softmax(m2.classifier(x)), 1 / 3, atol=0.01)


def test_kl_by_hand():
    # Of N(1, 4) from N(0, 1): (4 + 1 - 1 - log 4) / 2; of N(0, 1) from itself: 0.
    mean, log_variance = tf.constant([[1.0], [0.0]]), tf.constant([[math.log(4)], [0.0]])
    np.testing.assert_allclose(
        gaussian_kl(mean, log_variance), [2 - math.log(2), 0], rtol=1e-6, atol=1e-7
    )


@given(st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=20, deadline=None)
def test_kl_against_the_integral(mean, log_variance):
    q = scipy.stats.norm(mean, math.exp(log_variance / 2))
    expected = q.expect(lambda x: q.logpdf(x) - scipy.stats.norm.logpdf(x))
    found = gaussian_kl(tf.constant([mean]), tf.constant([log_variance]))
    assert float(found) == pytest.approx(expected, abs=1e-4)
    assert float(found) >= -1e-6


def test_density_against_scipy():
    x, mean, log_variance = (normal((4, 3), seed) for seed in range(3))
    expected = scipy.stats.norm.logpdf(x, mean, np.exp(log_variance.numpy() / 2)).sum(axis=1)
    np.testing.assert_allclose(gaussian_log_density(x, mean, log_variance), expected, rtol=1e-5)


def test_sampled_by_hand():
    found = sampled(tf.constant([3.0]), tf.constant([math.log(4)]), tf.constant([-1.0]))
    np.testing.assert_allclose(found, [1.0], rtol=1e-6)


def test_networks_of_a_seed_are_equal():
    one, same, other = (network(3, (4,), 2, seed) for seed in (0, 0, 7))
    x = normal((5, 3))
    np.testing.assert_array_equal(one(x), same(x))
    assert not np.allclose(one(x), other(x))


def test_bound_of_m1_by_hand():
    """All weights 0: every pixel has probability 1/2, and the KL is 0."""
    m1 = M1(6, (4,), 2, seed=0)
    for model in m1.networks.values():
        model.set_weights([np.zeros_like(part) for part in model.get_weights()])
    x = tf.constant([[0.0, 1, 1, 0, 1, 0]])
    np.testing.assert_allclose(m1.bound(x, normal((1, 2))), [-6 * math.log(2)], rtol=1e-6)


def test_bound_of_m1_is_below_the_likelihood():
    """The mean bound of many noises is at most log p(x), by summing over z1's grid."""
    m1 = M1(3, (4,), 1, seed=1)
    x = tf.constant([[1.0, 0, 1]])
    grid = np.linspace(-8, 8, 4001, dtype=np.float32)[:, np.newaxis]
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.tile(x, [4001, 1]), m1.decoder(grid))
    density = scipy.stats.norm.pdf(grid[:, 0]) * np.exp(-losses.numpy().sum(axis=1))
    bound = np.mean(m1.bound(tf.tile(x, [20_000, 1]), normal((20_000, 1))))
    assert bound <= math.log(density.sum() * 16 / 4000) + 0.01


def test_marginalised_bound_against_brute_force():
    m2 = M2(4, (5,), 2, num_classes=3, seed=0)
    x, noise = normal((6, 4)), normal((6, 2), seed=1)
    probs = keras.ops.softmax(m2.classifier(x)).numpy().astype(np.float64)
    expected = np.zeros(6)
    for n in range(6):
        for y in range(3):
            onehot = tf.one_hot([y], 3)
            bound = float(m2.bound(x[n : n + 1], onehot, noise[n : n + 1])[0])
            expected[n] += probs[n, y] * (bound - math.log(probs[n, y]))
    np.testing.assert_allclose(m2.marginalised_bound(x, noise), expected, rtol=1e-5)


def test_labelled_bound_of_m2_by_its_parts():
    m2 = M2(2, (3,), 2, num_classes=4, seed=0)
    x, noise, onehot = normal((1, 2)), normal((1, 2), seed=1), tf.one_hot([2], 4)
    mean, log_variance = np.split(m2.encoder(tf.concat([x, onehot], 1)).numpy(), 2, axis=1)
    z = mean + np.exp(log_variance / 2) * noise
    at, spread = np.split(m2.decoder(tf.concat([z, onehot], 1)).numpy(), 2, axis=1)
    log_density = scipy.stats.norm.logpdf(x, at, np.exp(spread / 2)).sum()
    kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum()
    expected = log_density + math.log(1 / 4) - kl
    np.testing.assert_allclose(m2.bound(x, onehot, noise), [expected], rtol=1e-5)


def test_classifier_learns_by_both_ways():
    """Through the weights of the classes and through the entropy: against differences."""
    m2 = M2(3, (4,), 2, num_classes=3, seed=0)
    x, noise = normal((5, 3)), normal((5, 2), seed=1)
    bias = m2.classifier.trainable_variables[-1]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(m2.marginalised_bound(x, noise))
    exact = tape.gradient(value, bias.value).numpy()
    numeric = []
    for unit in np.eye(3, dtype=np.float32) * 1e-2:
        start = bias.numpy()
        sides = []
        for sign in (1, -1):
            bias.assign(start + sign * unit)
            sides.append(float(tf.reduce_sum(m2.marginalised_bound(x, noise))))
        bias.assign(start)
        numeric.append((sides[0] - sides[1]) / 2e-2)
    np.testing.assert_allclose(exact, numeric, rtol=1e-2, atol=1e-2)
