"""Fast dropout: a Gaussian approximation of the first stochastic layer.

A pre-activation after dropout is a sum of thousands of terms that are kept or dropped
independently, so it is approximately normal. Its mean and variance need two matrix
products per item for any number of samples; exact masks need one per sample.
Wang and Manning, "Fast dropout training", ICML 2013.
"""

from typing import Any

import keras
import tensorflow as tf

from dbal_tf.bayesian import masks, tracing
from dbal_tf.bayesian.packed import PackedHead, bias_of, kernel_of
from dbal_tf.core import InputError


class GaussianDropout:
    """MC dropout with normal pre-activations in the first dense layer.

    A sample draws one standard normal number per unit. All items share it, so
    a sample is still one function. Units are drawn independently, although with
    exact dropout they are correlated. The second dropout layer is exact.

    Args:
        network: A Sequential or Functional model from images to class
            probabilities, which ends in dropout, dense, dropout, dense.

    Raises:
        InputError: The network does not end in these layers.
    """

    def __init__(self, network: keras.Model) -> None:
        traced = tracing.trace(network)
        self._cut = tracing.cut(traced, masks.is_stochastic)
        self._input = traced.input.index
        head = _head(self._cut)
        if head is None:
            raise InputError(
                f"Model '{network.name}' does not end in Dropout, Dense, Dropout, Dense, "
                "as gaussian_dropout needs; use the mc_dropout posterior."
            )
        self._head = head

    @staticmethod
    def fits(network: keras.Model) -> bool:
        """Returns whether a network ends in the layers that this posterior needs."""
        return _head(tracing.cut(tracing.trace(network), masks.is_stochastic)) is not None

    def num_samples(self, requested: int) -> int:
        """Returns the requested number."""
        return requested

    def features(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the mean and standard deviation of the pre-activations, each `[n, u]`."""
        values = tracing.execute(self._cut.features, {self._input: images})
        dense, rate = self._head.denses[0], self._head.drops[0].layer.rate
        kernel = tf.cast(kernel_of(dense), dense.compute_dtype)
        x = tf.reshape(values[self._cut.boundary[0].index], [-1, kernel.shape[0]])
        x = tf.cast(x, kernel.dtype)
        squares = tf.cast(tf.matmul(tf.square(x), tf.square(kernel)), tf.float32)
        # Var[x_i w_i m_i] = (x_i w_i)^2 Var[m_i], where m_i is 0 or 1 / (1 - rate).
        variance = rate / (1 - rate) * squares
        mean = tf.cast(tf.matmul(x, kernel), tf.float32)
        return mean + bias_of(dense), tf.sqrt(variance)

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns normal numbers and dropout factors of the units, each `[t, u]`."""
        units = (self._head.denses[0].units,)
        normal = masks.standard_normals(units, indices, seed, site=0)
        return normal, self._head.noise(1, indices, seed)

    def probs(self, features: Any, samples: Any) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`; see `Posterior`."""
        mean, deviation = features
        readout = self._head.denses[1]

        def logits(sample: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            normal, kept = sample
            hidden = self._head.activation(mean + deviation * normal)
            return tf.matmul(hidden, kept[:, tf.newaxis] * kernel_of(readout))

        logits_tnc = tf.map_fn(
            logits, samples, parallel_iterations=2, fn_output_signature=tf.float32
        )
        return self._head.readout(logits_tnc + bias_of(readout))


def _head(cut: tracing.Cut) -> PackedHead | None:
    """Returns the head, or None if this approximation does not apply to it."""
    head = PackedHead.from_cut(cut) if cut.head else None
    if head is None:
        return None
    shape = head.drops[0].inputs[0].shape
    # The variance in `features` assumes that inputs are dropped independently.
    return head if masks.noise_shape(head.drops[0].layer, shape) == shape else None
