"""The adversarial change against finite differences, and the divergence by hand."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised.normalisation import standardise
from dbal_tf.bayesian.adversarial import adversarial, divergence


def net(inputs: tf.Tensor) -> tf.Tensor:
    """Logits of 3 classes by 4 tanh units and normalisation over the batch."""
    rng = np.random.default_rng(0)
    hidden = tf.tanh(standardise(inputs @ rng.normal(size=(5, 4))))
    return hidden @ rng.normal(size=(4, 3))


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(6, 5))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def gradient_by_differences(inputs: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The gradient of the summed KL by each pixel, at a small step along the directions."""
    step, reach = 1e-6, 1e-3
    gradient = np.zeros_like(inputs)
    clean = net(tf.constant(inputs))

    def total(change: np.ndarray) -> float:
        return float(tf.reduce_sum(divergence(clean, net(tf.constant(inputs + change)))))

    for place in np.ndindex(*inputs.shape):
        change = reach * unit(directions)
        change[place] += step
        above = total(change)
        change[place] -= 2 * step
        gradient[place] = (above - total(change)) / (2 * step)
    return gradient


def test_the_change_is_that_of_finite_differences() -> None:
    inputs, directions = images(1), images(2)
    logits, change = adversarial(net, tf.constant(inputs), tf.constant(directions), epsilon=0.5)
    expected = 0.5 * unit(gradient_by_differences(inputs, directions))
    np.testing.assert_allclose(change, expected, atol=2e-3)
    np.testing.assert_allclose(logits, net(tf.constant(inputs)))


def test_repeated_steps_find_the_change_of_the_largest_divergence() -> None:
    kernel = np.random.default_rng(3).normal(size=(5, 3))
    inputs = tf.constant(images(4)[:1])
    change = tf.constant(images(5)[:1])
    for _ in range(200):
        logits, change = adversarial(lambda x: x @ kernel, inputs, change, 1.0)
    probs = tf.nn.softmax(logits)[0].numpy()
    hessian = kernel @ (np.diag(probs) - np.outer(probs, probs)) @ kernel.T
    largest = np.linalg.eigh(hessian)[1][:, -1]
    assert abs(change[0].numpy() @ largest) == pytest.approx(1)


def test_each_image_is_changed_by_epsilon_whatever_its_shape() -> None:
    pixels = tf.random.stateless_normal([3, 2, 2, 1], [0, 0])
    noise = tf.random.stateless_normal([3, 2, 2, 1], [0, 1])
    kernel = tf.random.stateless_normal([4, 2], [0, 2])
    change = adversarial(lambda x: tf.reshape(x, [3, 4]) @ kernel, pixels, noise, 2.0)[1]
    assert change.shape == [3, 2, 2, 1]
    np.testing.assert_allclose(np.linalg.norm(change.numpy().reshape(3, 4), axis=1), 2, 1e-5)


def test_a_sure_prediction_is_changed_by_epsilon_too_in_float32() -> None:
    kernel = tf.constant([[30.0, -30.0], [0.0, 0.0]])
    one = tf.constant([[1.0, 0.0]])  # logits 30 and -30: p = 1 - 9e-27
    change = adversarial(lambda x: x @ kernel, one, tf.constant([[0.3, 0.4]]), 1.5)[1]
    np.testing.assert_allclose(np.abs(change), [[1.5, 0]], atol=1e-6)


def test_no_change_where_none_has_an_effect() -> None:
    change = adversarial(lambda x: 0 * x, tf.constant(images(1)), tf.constant(images(2)), 1.0)[
        1
    ]
    np.testing.assert_array_equal(change, np.zeros((6, 5)))


def test_the_change_is_a_constant_to_an_outer_tape() -> None:
    kernel = tf.Variable(np.random.default_rng(3).normal(size=(5, 3)))
    with tf.GradientTape() as tape:
        outputs = adversarial(
            lambda x: x @ kernel, tf.constant(images(1)), tf.constant(images(2)), 1.0
        )
        total = sum(tf.reduce_sum(output) for output in outputs)
    assert tape.gradient(total, kernel) is None


def test_divergence_by_hand() -> None:
    logits = tf.math.log(tf.constant([[0.5, 0.5], [0.25, 0.75]], tf.float64))
    others = tf.math.log(tf.constant([[0.25, 0.75], [0.25, 0.75]], tf.float64))
    expected = [0.5 * np.log(2) + 0.5 * np.log(2 / 3), 0]
    np.testing.assert_allclose(divergence(logits, others), expected, atol=1e-12)
