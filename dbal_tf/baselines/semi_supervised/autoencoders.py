"""Single-layer autoencoders, which learn features from unlabelled images."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches, loops
from dbal_tf.baselines.semi_supervised.session import Session


class TiedAutoencoder(keras.layers.Layer):
    """An encoder h = f(x W + b) and a decoder sigm(h W' + c) with tied weights W.

    Calling the layer encodes inputs.

    Args:
        inputs: Number of values of an input.
        units: Number of hidden units.
        seed: Seed of the initial weights.
        activation: The activation f, a name in Keras.
    """

    def __init__(self, inputs: int, units: int, seed: int, activation: str) -> None:
        super().__init__()
        glorot = keras.initializers.GlorotUniform(seed)
        self.activation = keras.activations.get(activation)
        # Shared with the decoder, as in Rifai et al.; Lee does not say if his are tied.
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
    """Returns the cross-entropy in nats, summed over pixels, averaged over images."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=inputs_nd, logits=logits_nd)
    # Summed over pixels, because the weights of the penalties refer to nats per image.
    return tf.reduce_mean(tf.reduce_sum(losses, axis=-1))


def denoising_loss(
    autoencoder: TiedAutoencoder, inputs_nd: tf.Tensor, rate: float, seed: int, step: tf.Tensor
) -> tf.Tensor:
    """Returns the loss of reconstructing images from a random subset of their pixels.

    Pixels and hidden units are set to zero at random. The others are divided by
    1 - rate, so that the mean input of each layer stays the same.

    Args:
        autoencoder: The autoencoder.
        inputs_nd: Images, shape `[n, d]`.
        rate: Probability that a pixel, or a hidden unit, is set to zero.
        seed: Seed of the fit.
        step: Index of the training step, int64 scalar.
    """
    drop = tf.nn.experimental.stateless_dropout
    code_nh = autoencoder(drop(inputs_nd, rate, batches.key(seed, step, 1)))
    logits_nd = autoencoder.decode(drop(code_nh, rate, batches.key(seed, step, 2)))
    return reconstruction_loss(inputs_nd, logits_nd)


def jacobian_norm(kernel_dh: tf.Tensor, code_nh: tf.Tensor) -> tf.Tensor:
    """Returns |J|^2, the squared Frobenius norm of an encoder's Jacobian, `[n]`.

    For h = sigm(x W + b) it is sum_j a_j^2 |W_j|^2, with the slopes a = h (1 - h). The
    Jacobian itself, `[n, h, d]`, is not computed.

    Args:
        kernel_dh: W, shape `[d, h]`.
        code_nh: h, shape `[n, h]`.
    """
    return _squared_norm(kernel_dh, slopes(code_nh))


def jacobian_change(kernel_dh: tf.Tensor, code_nh: tf.Tensor, moved_nh: tf.Tensor) -> tf.Tensor:
    """Returns |J - J'|^2, the squared difference of the Jacobians at two codes, `[n]`."""
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

    reconstruction + contraction |J(x)|^2 + curvature |J(x) - J(x + noise e)|^2, with
    one e ~ N(0, 1) per image; the last term approximates curvature noise^2 |Hessian|^2.

    Args:
        autoencoder: An autoencoder with sigmoid units.
        inputs_nd: Images, shape `[n, d]`.
        contraction: Weight of the Jacobian's norm.
        curvature: Weight of the Jacobian's change.
        noise: Standard deviation of the noise, in units of the pixels.
        key: Seed of the noise, int64 `[2]`.
    """
    kernel_dh, code_nh = autoencoder.kernel.value, autoencoder(inputs_nd)
    # One sample per image is enough: the noise averages out over images and steps.
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
    """Trains an autoencoder with Adam and a learning rate that falls to zero.

    Args:
        name: Name of this part of the fit.
        autoencoder: The autoencoder.
        loss: The loss function, called as `loss(batch_nd, step)`.
        inputs_nd: Values to reconstruct, 0 to 1, shape `[n, d]`.
        steps: Number of training steps.
        batch: Batch size.
        learning_rate: Initial learning rate.
        seed: Seed of the batches.
        session: Session of the fit.
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
