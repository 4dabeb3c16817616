"""The Laplace posterior against its closed form, by hand and by properties."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import chunks, laplace
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.bayesian.laplace import (
    Covariance,
    Laplace,
    best_precision,
    likeliest_precision,
)
from dbal_tf.core import InputError


def _network(classes: int = 3, units: int = 4) -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((2, 3, 1)),
            layers.Flatten(),
            layers.Dense(units, activation="tanh"),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def _images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 2, 3, 1)).astype(np.float32)


def _inputs(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """The last layer's inputs and a 1, `[n, d + 1]`."""
    kernel, bias = (w.numpy() for w in network.layers[1].weights)
    hidden = np.tanh(images.reshape(len(images), -1) @ kernel + bias)
    return np.concatenate([hidden, np.ones([len(images), 1])], axis=1).astype(np.float64)


def _covariance(kept: Covariance) -> np.ndarray:
    """The covariance of all weights, from the factors that samples are made of."""
    basis = np.kron(kept.inputs.numpy(), kept.classes.numpy())
    return basis @ np.diag(kept.deviations.numpy().ravel() ** 2) @ basis.T


def test_of_one_image_it_is_the_inverse_of_the_whole_curvature() -> None:
    # Of one image the curvature is a Kronecker product, so that nothing is approximated.
    network, images = _network(), _images(1)
    laplace.fit(network, images)
    kept = Laplace(network).covariance
    inputs, probs = _inputs(network, images)[0], network(images).numpy()[0]
    hessian = np.kron(np.outer(inputs, inputs), np.diag(probs) - np.outer(probs, probs))
    expected = np.linalg.inv(hessian + float(kept.precision) * np.eye(len(hessian)))
    np.testing.assert_allclose(
        _covariance(kept), expected, rtol=1e-3, atol=1e-4 * expected.max()
    )


def test_the_curvature_is_that_of_the_loss() -> None:
    # Second derivatives of the cross-entropy of one image, by automatic differentiation.
    network, images = _network(), _images(1)
    inputs = tf.constant(_inputs(network, images), tf.float64)
    kernel, bias = (
        tf.cast(tf.convert_to_tensor(w), tf.float64) for w in network.layers[2].weights
    )
    flat = tf.Variable(tf.reshape(tf.concat([kernel, [bias]], axis=0), [-1]))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            logits = inputs @ tf.reshape(flat, [5, 3])
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits([1], logits)
        gradient = inner.gradient(loss, flat)
    hessian = outer.jacobian(gradient, flat).numpy()
    laplace.fit(network, images)
    kept = Laplace(network).covariance
    expected = np.linalg.inv(hessian + float(kept.precision) * np.eye(15))
    np.testing.assert_allclose(
        _covariance(kept), expected, rtol=1e-3, atol=1e-4 * expected.max()
    )


def test_samples_have_the_covariance() -> None:
    network, images = _network(classes=2, units=2), _images(20)
    laplace.fit(network, images)
    posterior = Laplace(network)
    sample = tf.function(posterior.sample)
    drawn = sample(tf.range(20_000, dtype=tf.int64), tf.constant(3, tf.int64))
    weights_tp = tf.reshape(tf.transpose(drawn, [1, 0, 2]), [20_000, -1]).numpy()
    expected = _covariance(posterior.covariance)
    kernel, bias = (w.numpy() for w in network.layers[2].weights)
    spread = np.sqrt(np.diag(expected))
    mean = np.concatenate([kernel.ravel(), bias])
    assert (np.abs(weights_tp.mean(axis=0) - mean) < 5 * spread / np.sqrt(20_000)).all()
    np.testing.assert_allclose(
        np.cov(weights_tp.T), expected, atol=0.05 * np.square(spread).max()
    )


def test_the_precision_maximises_the_evidence_by_hand() -> None:
    # The derivative is 0 where sum_i h_i / (h_i + lambda) = lambda |W|^2.
    assert best_precision(np.array([1.0]), 0.5) == pytest.approx(1, rel=0.15)
    assert best_precision(np.full(4, 1e6), 16.0) == pytest.approx(0.25, rel=0.15)


def test_more_images_leave_less_uncertainty() -> None:
    network = _network()
    x, found = _images(50, seed=9), []
    for count in (5, 50, 500):
        laplace.fit(network, _images(count))
        found.append(predictive_statistics(network, x, 200, 0, "laplace").var_probs.mean())
    assert found[0] > found[1] > found[2] > 0


def test_samples_lie_around_the_trained_network() -> None:
    network, x = _network(), _images(30, seed=5)
    laplace.fit(network, _images(50_000))
    statistics = predictive_statistics(network, x, 500, 0, "laplace")
    np.testing.assert_allclose(statistics.mean_probs, network(x), atol=0.01)


def test_a_chunk_more_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = _network(), _images(50)
    laplace.fit(network, images)
    once = _covariance(Laplace(network).covariance)
    monkeypatch.setattr(chunks, "_ITEMS", 7)
    laplace.fit(network, images)
    np.testing.assert_allclose(_covariance(Laplace(network).covariance), once, rtol=1e-3)


def test_a_layer_without_bias_has_none() -> None:
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            *(keras.Input((2, 3, 1)), layers.Flatten(), layers.Dense(3, use_bias=False)),
            layers.Softmax(),
        ]
    )
    laplace.fit(network, _images(20))
    zeros = tf.zeros([1, 2, 3, 1])
    statistics = predictive_statistics(network, zeros.numpy(), 50, 0, "laplace")
    np.testing.assert_allclose(statistics.mean_probs, [[1 / 3] * 3], atol=1e-6)


def test_a_network_that_was_not_fitted_is_refused() -> None:
    with pytest.raises(InputError, match=r"no covariance .* call dbal_tf.bayesian.laplace.fit"):
        Laplace(_network())


def test_a_network_of_another_end_is_refused() -> None:
    network = keras.Sequential(
        [keras.Input((2, 3, 1)), layers.Conv2D(3, (2, 3)), layers.Flatten(), layers.Softmax()]
    )
    with pytest.raises(InputError, match="does not end in a dense softmax layer"):
        laplace.fit(network, _images(2))


def test_the_likeliest_precision_makes_many_samples_likely() -> None:
    network, images, others = _network(), _images(12), _images(200, seed=5)
    last = network.layers[2]
    last.set_weights([8 * weights for weights in last.get_weights()])
    # It is sure of everything, and right in two thirds.
    rng = np.random.default_rng(3)
    truth = network(others).numpy().argmax(axis=1)
    classes = np.where(rng.random(200) < 0.5, truth, rng.integers(0, 3, 200))
    laplace.fit(network, images, (others, classes))
    kept = Laplace(network).covariance
    chosen = float(kept.precision)
    curvature = np.maximum(kept.deviations.numpy().astype(np.float64) ** -2 - chosen, 0)

    def nll(precision: float) -> float:
        kept.deviations.assign((curvature + precision) ** -0.5)
        probs = predictive_statistics(network, others, 500, 1, "laplace").mean_probs
        return float(-np.log(probs[np.arange(200), classes]).mean())

    # The softmax of shrunk logits is an approximation, near enough to choose by.
    assert nll(chosen) < min(nll(10.0**power) for power in range(-4, 5)) + 0.05
    assert nll(chosen) < nll(1e4) - 1


@pytest.mark.parametrize(("truth", "expected"), [(0, 1e4), (1, 1e-4)])
def test_images_that_are_right_want_no_variance_and_wrong_ones_all_of_it(
    truth: int, expected: float
) -> None:
    logits = np.tile([[4.0, 0.0]], (5, 1))
    spreads = np.ones([5, 3]), np.eye(2)
    found = likeliest_precision(logits, np.full(5, truth), np.zeros([3, 2]), spreads)
    assert found == pytest.approx(expected)
