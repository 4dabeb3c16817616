"""Autoencoders of one layer, which learn features from unlabelled images."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches, loops
from dbal_tf.baselines.semi_supervised.session import Session


class TiedAutoencoder(keras.layers.Layer):
    """Encoder h = f(x W + b) and decoder sigm(h W' + c) with one matrix of weights.

    Calling the layer encodes.

    Args:
        inputs: Values of an input.
        units: Hidden units.
        seed: Of the initial weights.
        activation: f, a name of Keras.
    """

    def __init__(self, inputs: int, units: int, seed: int, activation: str) -> None:
        super().__init__()
        glorot = keras.initializers.GlorotUniform(seed)
        self.activation = keras.activations.get(activation)
        # Also the decoder's, as Rifai et al. have it; Lee does not say if his are tied.
        self.kernel = self.add_weight(shape=[inputs, units], initializer=glorot)
        self.bias = self.add_weight(shape=[units], initializer="zeros")
        self.decoder_bias = self.add_weight(shape=[inputs], initializer="zeros")
        self.built = True

    def call(self, inputs_nd: tf.Tensor) -> tf.Tensor:
        """Returns the code h, shape `[n, units]`."""
        return self.activation(inputs_nd @ self.kernel + self.bias)

    def decode(self, code_nh: tf.Tensor) -> tf.Tensor:
        """Returns the reconstruction before the sigmoid, shape `[n, inputs]`."""
        return tf.matmul(code_nh, self.kernel, transpose_b=True) + self.decoder_bias


def reconstruction_loss(inputs_nd: tf.Tensor, logits_nd: tf.Tensor) -> tf.Tensor:
    """Returns the mean over images of the cross-entropy summed over pixels, nats."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=inputs_nd, logits=logits_nd)
    # Summed over pixels: the weights of the penalties are relative to nats per image.
    return tf.reduce_mean(tf.reduce_sum(losses, axis=-1))


def denoising_loss(
    autoencoder: TiedAutoencoder, inputs_nd: tf.Tensor, rate: float, seed: int, step: tf.Tensor
) -> tf.Tensor:
    """Returns the loss of reconstructing images from a part of their pixels.

    Pixels and hidden units are set to zero at random; those that are kept are
    divided by 1 - rate, so that the code of a whole image has the same mean.

    Args:
        autoencoder: The autoencoder.
        inputs_nd: Images, shape `[n, d]`.
        rate: Probability that a pixel, or a hidden unit, is set to zero.
        seed: Of the fit.
        step: The number of the step, int64 scalar.
    """
    drop = tf.nn.experimental.stateless_dropout
    code_nh = autoencoder(drop(inputs_nd, rate, batches.key(seed, step, 1)))
    logits_nd = autoencoder.decode(drop(code_nh, rate, batches.key(seed, step, 2)))
    return reconstruction_loss(inputs_nd, logits_nd)


def jacobian_norm(kernel_dh: tf.Tensor, code_nh: tf.Tensor) -> tf.Tensor:
    """Returns |J|^2, the squared Frobenius norm of an encoder's Jacobian, `[n]`.

    For h = sigm(x W + b) it is sum_j a_j^2 |W_j|^2 with the slopes a = h (1 - h), so
    that the Jacobian itself, `[n, h, d]`, is not needed.

    Args:
        kernel_dh: W, shape `[d, h]`.
        code_nh: h, shape `[n, h]`.
    """
    return _squared_norm(kernel_dh, slopes(code_nh))


def jacobian_change(kernel_dh: tf.Tensor, code_nh: tf.Tensor, moved_nh: tf.Tensor) -> tf.Tensor:
    """Returns |J - J'|^2, how much the Jacobian differs between two codes, `[n]`."""
    return _squared_norm(kernel_dh, slopes(code_nh) - slopes(moved_nh))


def slopes(code_nh: tf.Tensor) -> tf.Tensor:
    """Returns the derivative of the sigmoid where its value is `code_nh`."""
    return code_nh * (1 - code_nh)


def _squared_norm(kernel_dh: tf.Tensor, slopes_nh: tf.Tensor) -> tf.Tensor:
    lengths_h = tf.reduce_sum(tf.square(kernel_dh), axis=0)
    return tf.linalg.matvec(tf.square(slopes_nh), lengths_h)


def contractive_loss(
    autoencoder: TiedAutoencoder,
    inputs_nd: tf.Tensor,
    contraction: float,
    curvature: float,
    noise: float,
    key: tf.Tensor,
) -> tf.Tensor:
    """Returns the loss of the contractive autoencoder of second order (CAE+H).

    reconstruction + contraction |J(x)|^2 + curvature |J(x) - J(x + noise e)|^2 with
    one e ~ N(0, 1) for each image; the last term stands for the Hessian.

    Args:
        autoencoder: With sigmoid units.
        inputs_nd: Images, shape `[n, d]`.
        contraction: Weight of the Jacobian.
        curvature: Weight of its change.
        noise: Standard deviation of the noise, in units of the pixels.
        key: Seed of the noise, int64 `[2]`.
    """
    kernel_dh, code_nh = autoencoder.kernel.value, autoencoder(inputs_nd)
    # One sample is enough: its noise averages out over the images and steps.
    moved_nd = inputs_nd + noise * tf.random.stateless_normal(tf.shape(inputs_nd), key)
    change_n = jacobian_change(kernel_dh, code_nh, autoencoder(moved_nd))
    penalty_n = contraction * jacobian_norm(kernel_dh, code_nh) + curvature * change_n
    loss = reconstruction_loss(inputs_nd, autoencoder.decode(code_nh))
    return loss + tf.reduce_mean(penalty_n)


def pretrain(
    name: str,
    autoencoder: TiedAutoencoder,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    inputs_nd: np.ndarray,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
    session: Session,
) -> None:
    """Trains an autoencoder by Adam with a rate that falls to zero.

    Args:
        name: Of the part of the fit.
        autoencoder: What is trained.
        loss: `loss(batch_nd, step)`.
        inputs_nd: What it learns to reconstruct, 0 to 1, shape `[n, d]`.
        steps: Training steps.
        batch: Inputs of a step.
        learning_rate: The first rate.
        seed: Of the batches.
        session: Of the fit.
    """
    optimizer = loops.cosine_adam(learning_rate, steps)
    optimizer.build(autoencoder.trainable_variables)
    data_nd = tf.constant(inputs_nd)

    def step(now: tf.Tensor) -> dict[str, tf.Tensor]:
        batch_nd = tf.gather(data_nd, loops.draw(seed, now, 0, len(inputs_nd), batch))
        variables = autoencoder.trainable_variables
        return {"loss": loops.descend(optimizer, variables, lambda: loss(batch_nd, now))}

    state = {"autoencoder": autoencoder, "optimizer": optimizer}
    session.train(name, steps, loops.compiled(step), state)
