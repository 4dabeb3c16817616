"""Which heads are packed, and that packing changes nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import masks, tracing
from dbal_tf.bayesian.packed import PackedHead
from dbal_tf.bayesian.posteriors import McDropout

PACKED = ("paper", "small_paper", "activations", "few_units", "half_precision")
PLAIN = (
    *("residual", "nested", "shared", "branch", "spatial", "batch_norm", "gaussian"),
    *("training_true", "flat_late", "channels_first", "wide_activation"),
)


def _head(network: keras.Model) -> PackedHead | None:
    return PackedHead.from_cut(tracing.cut(tracing.trace(network), masks.is_stochastic))


def _stack(*head: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((6,)), *head])


def _probs(posterior: McDropout, x: np.ndarray, samples: range, seed: int = 3) -> np.ndarray:
    indices, seed = tf.constant(list(samples), tf.int64), tf.constant(seed, tf.int64)
    features = posterior.features(tf.constant(x))
    return posterior.probs(features, posterior.sample(indices, seed)).numpy()


@pytest.mark.parametrize("name", PACKED)
def test_heads_that_are_packed(name: str, build) -> None:
    assert _head(build(name)) is not None


@pytest.mark.parametrize("name", PLAIN)
def test_heads_that_are_not(name: str, build) -> None:
    assert _head(build(name)) is None


@pytest.mark.parametrize(
    "head",
    [
        [layers.Dropout(0.5), layers.Dense(3, activation="softmax")],
        [layers.Dropout(0.5), layers.Dense(4), layers.Dropout(0.5)],
        [layers.Dropout(0.5), layers.Dropout(0.5), layers.Dense(3)],
        [layers.Dropout(0.5), layers.Dense(4), layers.Dropout(0.5), layers.Dropout(0.5)],
        [
            *(layers.Dropout(0.5), layers.Dense(4), layers.Dropout(0.5)),
            *(layers.Dense(4), layers.Dense(3)),
        ],
        [layers.Dropout(0.5), layers.Dense(4), layers.Softmax(), layers.Dropout(0.5)],
        [
            *(layers.Dropout(0.5), layers.Dense(4), layers.LeakyReLU()),
            *(layers.Dropout(0.5), layers.Dense(3)),
        ],
        [
            *(layers.Dropout(0.5), layers.Dense(4), layers.ReLU(max_value=1.0)),
            *(layers.Dropout(0.5), layers.Dense(3)),
        ],
        [
            *(layers.Dropout(0.5), layers.Dense(4, activation="softmax")),
            *(layers.Dropout(0.5), layers.Dense(3)),
        ],
        [
            *(layers.Dropout(0.5), layers.Dense(4), layers.GaussianDropout(0.5)),
            layers.Dense(3),
        ],
    ],
    ids=lambda head: "-".join(type(layer).__name__ for layer in head),
)
def test_stacks_that_are_not_packed(head: list) -> None:
    assert _head(_stack(*head)) is None


@pytest.mark.parametrize("name", PACKED)
def test_packed_equals_plain(name: str, build, images) -> None:
    network = build(name)
    for variable in network.trainable_variables:  # biases too
        variable.assign_add(0.05 * np.random.default_rng(0).standard_normal(variable.shape))
    x = images(network, 4)
    packed = _probs(McDropout(network), x, range(20))
    plain = _probs(McDropout(network, packed=False), x, range(20))
    assert plain.shape == (20, 4, network.output_shape[-1])
    assert plain.std(axis=0).max() > 0.01
    limit = 2e-3 if name == "half_precision" else 1e-5
    np.testing.assert_allclose(packed, plain, atol=limit)


def test_a_sample_that_drops_all_units_is_the_last_bias(build, images) -> None:
    network = build("few_units")
    network.layers[-1].bias.assign([1.0, 0.0, -1.0])
    probs = _probs(McDropout(network), images(network, 2), range(20))
    expected = np.exp([1.0, 0.0, -1.0]) / np.exp([1.0, 0.0, -1.0]).sum()
    alone = np.abs(probs - expected).max(axis=(1, 2)) < 1e-6
    assert 8 <= alone.sum() < 20  # 81 % drop both of two units at a rate of 0.9


def test_noise_that_units_share_is_packed_too() -> None:
    network = _stack(
        layers.Reshape((2, 3)),
        layers.Dropout(0.5, noise_shape=(None, 2, 1)),
        layers.Flatten(),
        layers.Dense(4, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(3, activation="softmax"),
    )
    x = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    assert _head(network) is not None
    plain = _probs(McDropout(network, packed=False), x, range(20))
    np.testing.assert_allclose(_probs(McDropout(network), x, range(20)), plain, atol=1e-5)


def test_a_tile_of_samples_is_a_part_of_a_larger_one(build, images) -> None:
    network = build("small_paper")
    posterior, x = McDropout(network), images(network, 3)
    many = _probs(posterior, x, range(12))
    np.testing.assert_allclose(_probs(posterior, x, range(7, 9)), many[7:9], atol=1e-6)


def test_only_kept_units_are_multiplied(build) -> None:
    head = _head(build("small_paper"))
    samples = head.sample(tf.range(10, dtype=tf.int64), tf.constant(3, tf.int64))
    kept = int(samples.ends[-1])
    rows, inputs = samples.kernel.shape
    assert kept <= rows < kept + 128  # rounded up: few sizes
    assert (rows % 128, inputs) == (0, 32)
    assert abs(kept - 640) < 5 * np.sqrt(1280 / 4)  # of 10 x 128, half
