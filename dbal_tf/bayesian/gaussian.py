"""Fast dropout: the first stochastic layer by its Gaussian limit.

A pre-activation behind dropout is a sum of thousands of terms that are each
kept or not, so it is close to normal. Its mean and variance are two products
per item, whatever the number of samples, where exact masks need a product per
sample. Wang and Manning, "Fast dropout training", ICML 2013.
"""

from typing import Any

import keras
import tensorflow as tf

from dbal_tf.bayesian import masks, tracing
from dbal_tf.bayesian.packed import PackedHead, bias_of, kernel_of
from dbal_tf.core import InputError


class GaussianDropout:
    """MC dropout with the first dense layer's pre-activations drawn at once.

    A sample draws one standard normal number per unit, shared by all items,
    so that it stays one function; units are drawn independently, which exact
    dropout's are not. The second dropout layer is exact.

    Args:
        network: A Sequential or Functional model that ends in dropout, dense,
            dropout, dense, and maps images to class probabilities.

    Raises:
        InputError: The network has another form.
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
        """Says whether a network has the form that this posterior needs."""
        return _head(tracing.cut(tracing.trace(network), masks.is_stochastic)) is not None

    def num_samples(self, requested: int) -> int:
        """All that are asked for."""
        return requested

    def features(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and deviation of the first dense layer's pre-activations, `[n, u]`."""
        values = tracing.execute(self._cut.features, {self._input: images})
        dense, rate = self._head.denses[0], self._head.drops[0].layer.rate
        kernel = tf.cast(kernel_of(dense), dense.compute_dtype)
        x = tf.reshape(values[self._cut.boundary[0].index], [-1, kernel.shape[0]])
        x = tf.cast(x, kernel.dtype)
        squares = tf.cast(tf.matmul(tf.square(x), tf.square(kernel)), tf.float32)
        variance = rate / (1 - rate) * squares
        mean = tf.cast(tf.matmul(x, kernel), tf.float32)
        return mean + bias_of(dense), tf.sqrt(variance)

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A normal number and a dropout factor for each sample and unit, `[t, u]`."""
        units = (self._head.denses[0].units,)
        normal = tf.map_fn(
            lambda index: masks.standard_normal(units, index, seed, site=0),
            indices,
            fn_output_signature=tf.float32,
        )
        return normal, self._head.noise(1, indices, seed)

    def probs(self, features: Any, samples: Any) -> tf.Tensor:
        """Class probabilities `[t, n, c]`; see `Posterior`."""
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
    """Returns the head if it has the right form and draws every input on its own."""
    head = PackedHead.from_cut(cut) if cut.head else None
    if head is None:
        return None
    shape = head.drops[0].inputs[0].shape
    return head if masks.noise_shape(head.drops[0].layer, shape) == shape else None
