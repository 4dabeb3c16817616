"""Noise by address: which numbers, how many, and for which layers."""

import hashlib
import inspect
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import masks
from dbal_tf.core import InputError

SHAPE = (40_000,)


def _noise(layer, index=0, seed=0, site=0, shape=SHAPE) -> np.ndarray:
    index, seed = tf.constant(index, tf.int64), tf.constant(seed, tf.int64)
    return masks.noise(layer, shape, index, seed, site).numpy()


def _digest() -> str:
    """The hash of some noise; another process runs this text too."""
    noise = []
    for layer in (layers.Dropout(0.3), layers.GaussianDropout(0.3)):
        for index, seed, site in ((0, 0, 0), (7, 3, 1), (2**40, 2**31 - 1, 5)):
            index, seed = tf.constant(index, tf.int64), tf.constant(seed, tf.int64)
            noise.append(masks.noise(layer, (50,), index, seed, site).numpy().round(5))
    return hashlib.sha256(np.stack(noise).tobytes()).hexdigest()


def test_another_process_draws_the_same() -> None:
    imports = (
        "import hashlib\nimport numpy as np\nimport tensorflow as tf\n"
        "from keras import layers\nfrom dbal_tf.bayesian import masks\n"
        "tf.random.set_seed(99)\n"
    )
    script = f"{imports}{inspect.getsource(_digest)}print(_digest())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == _digest(), done.stderr[-2000:]


@pytest.mark.parametrize("layer", [layers.Dropout(0.3), layers.GaussianDropout(0.3)])
def test_a_sample_is_the_same_however_many_are_asked(layer: keras.layers.Layer) -> None:
    @tf.function
    def many(indices: tf.Tensor) -> tf.Tensor:
        seed = tf.constant(3, tf.int64)
        return tf.map_fn(
            lambda index: masks.noise(layer, (50,), index, seed, 1),
            indices,
            fn_output_signature=tf.float32,
        )

    ten, backwards = many(tf.range(10, dtype=tf.int64)), many(tf.constant([9, 5], tf.int64))
    for row, index in enumerate((9, 5)):
        alone = _noise(layer, index, seed=3, site=1, shape=(50,))
        np.testing.assert_allclose(ten[index], alone, atol=1e-6)
        np.testing.assert_allclose(backwards[row], alone, atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_share_and_size_of_what_is_kept(rate: float) -> None:
    noise = _noise(layers.Dropout(rate))
    assert set(np.unique(noise)) == {np.float32(0), np.float32(1) / np.float32(1 - rate)}
    deviation = np.sqrt(rate * (1 - rate) / noise.size)
    assert abs((noise > 0).mean() - (1 - rate)) < 5 * deviation


def test_gaussian_dropout_has_mean_1_and_the_variance_of_dropout() -> None:
    noise, variance = _noise(layers.GaussianDropout(0.2)), 0.2 / 0.8
    assert abs(noise.mean() - 1) < 5 * np.sqrt(variance / noise.size)
    assert abs(noise.var() - variance) < 5 * variance * np.sqrt(2 / noise.size)
    standardised = (noise - 1) / np.sqrt(variance)
    assert abs((np.abs(standardised) < 1).mean() - 0.6827) < 5 * np.sqrt(0.2166 / noise.size)


@pytest.mark.parametrize(
    "address",
    [{"index": 1}, {"seed": 1}, {"site": 1}, {"index": 3, "site": 2}, {"index": 2, "seed": 1}],
    ids=str,
)
def test_other_addresses_are_independent(address: dict[str, int]) -> None:
    one, other = _noise(layers.Dropout(0.5)) > 0, _noise(layers.Dropout(0.5), **address) > 0
    # Both kept: a quarter, if independent.
    assert abs((one & other).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / one.size)


def test_index_seed_and_site_are_not_interchangeable() -> None:
    addresses = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    drawn = {_noise(layers.Dropout(0.5), *address).tobytes() for address in addresses}
    assert len(drawn) == len(addresses)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Dropout(0.5), (4, 5, 6), (4, 5, 6)),
        (layers.Dropout(0.5, noise_shape=(None, 1, None, 1)), (4, 5, 6), (1, 5, 1)),
        (layers.SpatialDropout1D(0.5), (4, 6), (1, 6)),
        (layers.SpatialDropout2D(0.5), (4, 5, 6), (1, 1, 6)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first"), (6, 4, 5), (6, 1, 1)),
        (layers.SpatialDropout3D(0.5), (3, 4, 5, 6), (1, 1, 1, 6)),
    ],
)
def test_axes_that_share_their_noise(layer, shape: tuple, expected: tuple) -> None:
    assert masks.is_stochastic(layer)
    assert masks.noise_shape(layer, shape) == expected
    assert _noise(layer, shape=shape).shape == expected


def test_noise_shape_is_that_of_keras() -> None:
    layer = layers.SpatialDropout2D(0.5)
    ones = np.ones((1, 4, 5, 60), np.float32)
    keras_noise = layer(ones, training=True).numpy()[0]
    ours = ones[0] * _noise(layer, shape=(4, 5, 60))
    for noise in (keras_noise, ours):
        assert 0 < (noise[0, 0] > 0).sum() < 60
        np.testing.assert_array_equal(noise, np.broadcast_to(noise[:1, :1], noise.shape))


class _Noisy(layers.Layer):
    def __init__(self) -> None:
        super().__init__(name="mine")
        self.inside = layers.Dropout(0.5)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.inside(x, training=training)


class RandomNoise(_Noisy):
    """Not one of Keras's augmentation layers, whatever its name says."""


class _OtherDropout(layers.Dropout):
    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return 2 * super().call(x, training=training)


class _SameDropout(layers.Dropout):
    """A subclass that leaves the noise as it is."""


def _attention() -> layers.Layer:
    layer = layers.MultiHeadAttention(num_heads=1, key_dim=2, dropout=0.1, name="mine")
    layer(np.zeros((1, 3, 4)), np.zeros((1, 3, 4)))
    return layer


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GaussianNoise(0.1, name="mine"),
        lambda: layers.AlphaDropout(0.1, name="mine"),
        lambda: _OtherDropout(0.1, name="mine"),
        lambda: layers.GRU(4, recurrent_dropout=0.1, name="mine"),
        lambda: layers.TimeDistributed(layers.Dropout(0.5), name="mine"),
        _Noisy,
        RandomNoise,
        _attention,
    ],
)
def test_other_random_layers_are_refused_by_name(make) -> None:
    with pytest.raises(InputError, match=r"Layer 'mine' .* draws random numbers"):
        masks.is_stochastic(make())


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Dropout(0.5), True),
        (_SameDropout(0.5), True),
        (layers.GaussianDropout(0.5), True),
        (layers.Dropout(0.0), False),
        (layers.SpatialDropout2D(0.0), False),
        (layers.GaussianDropout(0.0), False),
        (layers.Dense(3), False),
        (layers.BatchNormalization(), False),
        (layers.RandomFlip(), False),
        (layers.MixUp(), False),
        (layers.RandAugment(), False),
        (layers.LSTM(4), False),
        (keras.ops.add, False),
    ],
)
def test_is_stochastic(layer: object, expected: bool) -> None:
    assert masks.is_stochastic(layer) is expected


def test_sizes_that_are_not_fixed_are_refused() -> None:
    masks.check_shape(layers.Dropout(0.5), (3, 4))
    with pytest.raises(InputError, match=r"'mine' has an input of shape \(None, 4\)"):
        masks.check_shape(layers.Dropout(0.5, name="mine"), (None, 4))


def test_seed_states_are_those_of_random_layers_only() -> None:
    random = [layers.Dropout(0.5), layers.GaussianDropout(0.5)]
    network = keras.Sequential([keras.Input((3,)), random[0], layers.Dense(2), random[1]])
    states = masks.seed_states(network)
    assert [id(x) for x in states] == [id(layer.seed_generator.state) for layer in random]
