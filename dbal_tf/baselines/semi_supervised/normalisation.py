"""Batch normalisation of dense layers, of batches that join labelled and unlabelled images.

Rasmus et al. (2015) and Miyato et al. (2016) normalise each kind by its own statistics,
so that the two must agree in distribution; here the unlabelled images' serve both.

Reference: Ioffe and Szegedy, "Batch Normalization", ICML 2015.
"""

from collections.abc import Callable

import tensorflow as tf

# Standardises the pre-activations [n, d] of a layer, given the layer's number.
Normalise = Callable[[int, tf.Tensor], tf.Tensor]

EPSILON = 1e-6  # added to variances


def moments(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns mean and standard deviation of each column, `[1, d]`, of `[n, d]`.

    The deviation is sqrt(variance + 1e-6), never 0.
    """
    mean = tf.reduce_mean(values, axis=0, keepdims=True)
    # Not E[x^2] - E[x]^2, a difference that loses digits in float32.
    variance = tf.reduce_mean(tf.square(values - mean), axis=0, keepdims=True)
    return mean, tf.sqrt(variance + EPSILON)


def standardise(values: tf.Tensor) -> tf.Tensor:
    """Returns the columns of `[n, d]` with mean 0 and variance 1."""
    mean, deviation = moments(values)
    return (values - mean) / deviation


def by_batch(layer: int, values: tf.Tensor) -> tf.Tensor:
    """Standardises all rows together; a `Normalise`."""
    del layer
    return standardise(values)


def by_rest(first: int | tf.Tensor) -> Normalise:
    """Returns a `Normalise` of a batch that joins two, by the second's statistics.

    Predictions are normalised by the statistics of all images. A random batch of
    unlabelled images has about those; labelled ones that were chosen for what is
    unusual about them have others.

    Args:
        first: How many rows the first has, an int or an int32 scalar.
    """

    def normalise(layer: int, values: tf.Tensor) -> tf.Tensor:
        del layer
        mean, deviation = moments(values[first:])
        return (values - mean) / deviation

    return normalise
