import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.bayesian.gaussian import GaussianDropout
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.core import InputError


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((10, 10, 2)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.25),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, 10, 10, 2)).astype(np.float32)


def test_pre_activations_have_the_moments_of_dropout(network, images):
    mean, deviation = GaussianDropout(network).features(tf.constant(images))
    x = images.reshape(30, -1).astype(np.float64) / 255
    kernel = network.layers[3].kernel.numpy().astype(np.float64)
    np.testing.assert_allclose(mean, x @ kernel, atol=1e-5)
    np.testing.assert_allclose(deviation, np.sqrt(0.25 / 0.75 * x**2 @ kernel**2), atol=1e-5)


def test_statistics_are_close_to_those_of_exact_masks(network, images):
    exact = predictive_statistics(network, images, 4000, 0, "mc_dropout")
    again = predictive_statistics(network, images, 4000, 1, "mc_dropout")
    fast = predictive_statistics(network, images, 4000, 0, "gaussian_dropout")
    noise = np.abs(again.mean_probs - exact.mean_probs).max()
    assert np.abs(fast.mean_probs - exact.mean_probs).max() < noise + 0.01
    ratio = np.sqrt(fast.var_probs / exact.var_probs)
    assert 0.9 < np.median(ratio) < 1.1


def test_a_sample_does_not_depend_on_how_many_are_drawn(network):
    posterior = GaussianDropout(network)
    seed = tf.constant(5, tf.int64)
    many = posterior.sample(tf.range(4, dtype=tf.int64), seed)
    last = posterior.sample(tf.constant([3], tf.int64), seed)
    for all_samples, one in zip(many, last, strict=True):
        np.testing.assert_array_equal(all_samples[3:], one)
    other = posterior.sample(tf.constant([3], tf.int64), seed + 1)
    assert not np.array_equal(last[0], other[0])


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Dropout(0.5), keras.layers.Dense(3, activation="softmax")],
        [
            keras.layers.Dropout(0.5, noise_shape=(None, 1)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, activation="softmax"),
        ],
        [keras.layers.Dense(3, activation="softmax")],
    ],
    ids=["one dropout", "shared noise", "no dropout"],
)
def test_another_head_is_refused(layers):
    network = keras.Sequential([keras.Input((8, 1, 1)), keras.layers.Flatten(), *layers])
    with pytest.raises(InputError, match=r"Dropout, Dense.*mc_dropout"):
        GaussianDropout(network)
