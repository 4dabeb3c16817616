"""Batch normalisation of dense layers, for batches of labelled and unlabelled images.

Rasmus et al. (2015) and Miyato et al. (2016) normalise labelled and unlabelled images
separately, each by its own statistics, which assumes equal distributions. Here, the
statistics of the unlabelled images are used for both.

Reference: Ioffe and Szegedy, "Batch Normalization", ICML 2015.
"""

from collections.abc import Callable

import tensorflow as tf

# A function that standardises the pre-activations [n, d] of a layer, given its number.
Normalise = Callable[[int, tf.Tensor], tf.Tensor]

EPSILON = 1e-6  # added to variances


def moments(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the mean and standard deviation of each column of `[n, d]`, each `[1, d]`.

    The deviation is sqrt(variance + 1e-6), never 0.
    """
    mean = tf.reduce_mean(values, axis=0, keepdims=True)
    # Not E[x^2] - E[x]^2, because the difference loses precision in float32.
    variance = tf.reduce_mean(tf.square(values - mean), axis=0, keepdims=True)
    return mean, tf.sqrt(variance + EPSILON)


def standardise(values: tf.Tensor) -> tf.Tensor:
    """Returns the columns of `[n, d]`, standardised to mean 0 and variance 1."""
    mean, deviation = moments(values)
    return (values - mean) / deviation


def by_batch(layer: int, values: tf.Tensor) -> tf.Tensor:
    """Standardises all rows together; a `Normalise` function."""
    del layer
    return standardise(values)


def by_rest(first: int | tf.Tensor) -> Normalise:
    """Returns a `Normalise` function that uses only the statistics of the last rows.

    Predictions are normalised by the statistics of all images. A random batch of
    unlabelled images has about the same statistics; labelled images that were acquired
    because they are unusual do not.

    Args:
        first: Number of first rows that the statistics leave out, an int or int32 scalar.
    """

    def normalise(layer: int, values: tf.Tensor) -> tf.Tensor:
        del layer
        mean, deviation = moments(values[first:])
        return (values - mean) / deviation

    return normalise
