import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import autoencoders
from dbal_tf.baselines.semi_supervised.session import Session

STEP = tf.constant(0, tf.int64)


def tied(seed=0):
    return autoencoders.TiedAutoencoder(3, 2, seed, "sigmoid")


def test_decoder_has_the_encoders_weights():
    layer = tied()
    kernel = layer.kernel.numpy()
    layer.bias.assign([1.0, -1.0])
    layer.decoder_bias.assign([0.5, 0.0, -0.5])
    inputs = np.array([[0.2, 0.4, 1.0]], np.float32)
    code = 1 / (1 + np.exp(-(inputs @ kernel + [1.0, -1.0])))
    np.testing.assert_allclose(layer(tf.constant(inputs)), code, rtol=1e-5)
    decoded = code @ kernel.T + [0.5, 0.0, -0.5]
    np.testing.assert_allclose(layer.decode(layer(tf.constant(inputs))), decoded, rtol=1e-4)


def test_reconstruction_by_hand():
    # At logits 0 each pixel costs log 2; at a logit of log 3 a white pixel costs log(4 / 3).
    inputs = tf.constant([[0.0, 1.0], [1.0, 1.0]])
    logits = tf.constant([[0.0, 0.0], [np.log(3.0), 0.0]], tf.float32)
    expected = (2 * np.log(2) + np.log(4 / 3) + np.log(2)) / 2
    assert float(autoencoders.reconstruction_loss(inputs, logits)) == pytest.approx(expected)


def test_noise_of_rate_zero_is_no_noise():
    layer, inputs = tied(), tf.constant([[0.2, 0.4, 1.0]])
    plain = autoencoders.reconstruction_loss(inputs, layer.decode(layer(inputs)))
    noisy = autoencoders.denoising_loss(layer, inputs, 0.0, 0, STEP)
    assert float(noisy) == pytest.approx(float(plain))


def test_noise_is_that_of_seed_and_step():
    layer, inputs = tied(), tf.random.stateless_uniform([20, 3], [0, 0])

    def loss(seed, step):
        return float(autoencoders.denoising_loss(layer, inputs, 0.5, seed, step))

    assert loss(0, STEP) == loss(0, STEP)
    assert len({loss(0, STEP), loss(1, STEP), loss(0, STEP + 1)}) == 3


def jacobians(layer, inputs):
    inputs = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        code = layer(inputs)
    return tape.batch_jacobian(code, inputs).numpy()


def test_norm_of_the_jacobian_is_that_of_autodiff():
    layer, inputs = tied(), np.random.default_rng(0).random((5, 3), np.float32)
    layer.bias.assign([0.7, -1.2])
    norm = autoencoders.jacobian_norm(layer.kernel.value, layer(inputs))
    expected = np.sum(jacobians(layer, inputs) ** 2, axis=(1, 2))
    np.testing.assert_allclose(norm, expected, rtol=1e-5)


def test_change_of_the_jacobian_is_that_of_autodiff():
    layer, generator = tied(), np.random.default_rng(0)
    layer.bias.assign([0.7, -1.2])
    here, there = generator.random((2, 5, 3), np.float32)
    change = autoencoders.jacobian_change(layer.kernel.value, layer(here), layer(there))
    difference = jacobians(layer, here) - jacobians(layer, there)
    np.testing.assert_allclose(change, np.sum(difference**2, axis=(1, 2)), rtol=1e-4)


def test_contractive_loss_is_the_sum_of_its_terms():
    layer, inputs = tied(), tf.random.stateless_uniform([20, 3], [0, 0])
    key = tf.constant([0, 7], tf.int64)

    def loss(*weights):
        return float(autoencoders.contractive_loss(layer, inputs, *weights, 0.5, key))

    plain = float(autoencoders.reconstruction_loss(inputs, layer.decode(layer(inputs))))
    moved = inputs + 0.5 * tf.random.stateless_normal([20, 3], key)
    norm = autoencoders.jacobian_norm(layer.kernel.value, layer(inputs))
    change = autoencoders.jacobian_change(layer.kernel.value, layer(inputs), layer(moved))
    assert loss(0.0, 0.0) == pytest.approx(plain)
    assert loss(3.0, 0.0) == pytest.approx(plain + 3 * np.mean(norm))
    assert loss(0.0, 50.0) == pytest.approx(plain + 50 * np.mean(change), rel=1e-5)


def test_pretraining_lowers_the_loss():
    layer = autoencoders.TiedAutoencoder(8, 4, 0, "sigmoid")
    inputs = np.eye(8, dtype=np.float32)[[0, 1, 2, 3] * 10]

    def loss(batch, step):
        return autoencoders.reconstruction_loss(batch, layer.decode(layer(batch)))

    before = float(loss(tf.constant(inputs), STEP))
    autoencoders.pretrain("part", layer, loss, inputs, 300, 20, 0.1, 0, Session())
    assert float(loss(tf.constant(inputs), STEP)) < before / 4
