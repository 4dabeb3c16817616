"""The loss of unlabelled images: against finite differences, and what it reads."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import consistency, masks
from dbal_tf.bayesian.consistency import Consistency

SHAPE = (6, 6, 1)
KEY = tf.constant([1, 2], tf.int64)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A small convolutional network with dropout and batch normalisation."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(1 / 255),
            layers.Conv2D(3, 3, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=1),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)


def _divergences(network: keras.Model, images: np.ndarray, changed: np.ndarray) -> np.ndarray:
    p, q = (np.asarray(network(x, training=False), np.float64) for x in (images, changed))
    return (p * (np.log(p) - np.log(q))).sum(axis=1)


def test_the_change_is_that_of_finite_differences(network, images) -> None:
    pixels = images.astype(np.float32)
    _, changed = Consistency(images, 1.5, 4).attack(network, tf.constant(pixels), KEY)
    change = (changed.numpy() - pixels) / 255
    np.testing.assert_allclose(np.linalg.norm(change.reshape(4, -1), axis=1), 1.5, rtol=1e-4)
    # J of the logarithms by central differences, then H d = J' diag(p) J d.
    noise = tf.random.stateless_normal(pixels.shape, KEY).numpy().reshape(4, -1)
    for row in range(4):
        jacobian = np.empty((3, 36))
        for place in range(36):
            step = np.zeros(36, np.float32)
            step[place] = 4  # pixel values of 255
            one = np.stack([pixels[row].ravel() + step, pixels[row].ravel() - step])
            above, below = np.log(network(one.reshape(2, *SHAPE), training=False))
            jacobian[:, place] = (above - below) / (8 / 255)
        probs = np.asarray(network(pixels[row : row + 1], training=False))[0]
        gradient = jacobian.T @ (probs * (jacobian @ noise[row]))
        gradient *= 1.5 / np.linalg.norm(gradient)
        np.testing.assert_allclose(change[row].ravel(), gradient, atol=0.03)


def test_the_loss_by_hand_and_worse_than_a_random_change(network, images) -> None:
    pixels = images.astype(np.float32)
    term = Consistency(images, 0.5, 4)
    logits, changed = term.attack(network, tf.constant(pixels), KEY)
    loss = float(term.loss(network, logits, changed))
    assert loss == pytest.approx(_divergences(network, pixels, changed).mean(), rel=1e-3)
    noise = np.random.default_rng(1).normal(size=(4, 36))
    noise *= 0.5 * 255 / np.linalg.norm(noise, axis=1, keepdims=True)
    random = pixels + noise.reshape(pixels.shape)
    assert loss > 2 * _divergences(network, pixels, random).mean()


def test_dropout_and_batch_normalisation_are_left_as_they_are(network, images) -> None:
    before = [np.asarray(variable) for variable in network.variables]
    assert masks.seed_states(network)
    term = Consistency(images, 1.0, 4)
    logits, changed = term.attack(network, tf.constant(images, tf.float32), KEY)
    with tf.GradientTape() as tape:
        loss = term.loss(network, logits, changed)
    gradients = tape.gradient(loss, network.trainable_variables)
    for one, other in zip(before, network.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients[:2])


def test_a_probability_of_0_in_float32_is_no_nan() -> None:
    sure = keras.Sequential(
        [keras.Input((2,)), layers.Dense(2, "softmax", kernel_initializer="identity")]
    )
    pixels = tf.constant([[255.0 * 200, 0.0], [0.0, 0.0]])
    term = Consistency(np.zeros((1, 2)), 1.0, 1)
    logits, changed = term.attack(sure, pixels, KEY)
    assert np.isfinite(changed).all() and np.isfinite(logits).all()
    assert np.isfinite(term.loss(sure, logits, changed))


def test_probabilities_in_bfloat16_are_computed_with_in_float32(images) -> None:
    half = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(3, "softmax", dtype="mixed_bfloat16"),
        ]
    )
    assert half(images).dtype == tf.bfloat16
    term = Consistency(images, 1.0, 4)
    logits, changed = term.attack(half, tf.constant(images, tf.float32), KEY)
    assert logits.dtype == term.loss(half, logits, changed).dtype == tf.float32


def test_a_batch_is_random_and_by_its_key(images) -> None:
    term = Consistency(images, 1.0, batch_size=64)
    pool = term.pool(seed=0)
    assert pool.dtype == tf.uint8 and pool is term.pool(seed=1)
    np.testing.assert_array_equal(pool, images)
    batch, again = term.batch(pool, KEY, 1).numpy(), term.batch(pool, KEY, 1).numpy()
    np.testing.assert_array_equal(batch, again)
    other = term.batch(pool, tf.constant([1, 3], tf.int64), 1).numpy()
    assert (batch != other).any()
    assert batch.shape == (64, *SHAPE)
    rows = [int(np.flatnonzero((images == one).all(axis=(1, 2, 3)))[0]) for one in batch]
    assert set(rows) == {0, 1, 2, 3}
    assert term.batch(pool, KEY, replicas=3).shape[0] == 22


class _Stored:
    """Images that are read when they are used."""

    dtype = np.dtype(np.uint8)

    def __init__(self, rows: np.ndarray, read: list[int]) -> None:
        self.rows, self.read, self.shape = rows, read, (len(rows), 1, 2, 1)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: np.ndarray) -> "_Stored":
        return _Stored(self.rows[rows], self.read)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        self.read.append(len(self))
        values = np.stack([self.rows % 256, self.rows // 256], axis=1).astype(np.uint8)
        return values.reshape(self.shape)


def test_of_a_pool_on_disk_each_fit_reads_a_random_part(monkeypatch) -> None:
    monkeypatch.setattr(consistency, "_MOST_BYTES", 60)
    read: list[int] = []
    term = Consistency(_Stored(np.arange(1000), read), 1.0, 8)
    pools = [term.pool(seed).numpy() for seed in (0, 0, 1)]
    assert read == [30, 30, 30]
    np.testing.assert_array_equal(pools[0], pools[1])
    assert (pools[0] != pools[2]).any()
    assert len(np.unique(pools[0].reshape(30, 2), axis=0)) == 30
    few = Consistency(_Stored(np.arange(20), read), 1.0, 8)
    assert few.pool(0) is few.pool(1)
    assert read[3:] == [20]
