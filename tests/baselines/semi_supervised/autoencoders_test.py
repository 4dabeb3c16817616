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


def test_pretraining_lowers_the_loss():
    layer = autoencoders.TiedAutoencoder(8, 4, 0, "sigmoid")
    inputs = np.eye(8, dtype=np.float32)[[0, 1, 2, 3] * 10]

    def loss(batch, step):
        return autoencoders.reconstruction_loss(batch, layer.decode(layer(batch)))

    before = float(loss(tf.constant(inputs), STEP))
    autoencoders.pretrain("part", layer, loss, inputs, 300, 20, 0.1, 0, Session())
    assert float(loss(tf.constant(inputs), STEP)) < before / 4
