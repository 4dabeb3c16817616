"""A network with one hidden layer, and the outputs of any network for many inputs."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def perceptron(
    inputs: int, hidden: int, classes: int, activation: str, seed: int
) -> keras.Model:
    """Returns a network with one hidden layer and linear outputs.

    Args:
        inputs: Values of an input.
        hidden: Hidden units.
        classes: Outputs.
        activation: Of the hidden units, a name of Keras.
        seed: Of the initial weights, which are Glorot's.
    """
    glorot = keras.initializers.GlorotUniform
    return keras.Sequential(
        [
            keras.Input([inputs]),
            keras.layers.Dense(hidden, activation, kernel_initializer=glorot(seed)),
            # Linear: losses of logits stay exact where a sigmoid or a softmax saturates.
            keras.layers.Dense(classes, kernel_initializer=glorot(seed + 1)),
        ]
    )


def outputs(network: Callable[[tf.Tensor], tf.Tensor], inputs_nd: np.ndarray) -> np.ndarray:
    """Returns a network's outputs for many inputs, in blocks of 1,000, `[n, c]`."""
    # At once, 5,000 hidden units of 60,000 images would take over a gigabyte.
    blocks = range(0, len(inputs_nd), 1000)
    return np.concatenate([network(inputs_nd[i : i + 1000]).numpy() for i in blocks])
