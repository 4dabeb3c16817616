"""A network with one hidden layer, and outputs and predictions of any network."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised.system import pixels


def perceptron(
    inputs: int, hidden: int, classes: int, activation: str, seed: int
) -> keras.Model:
    """Returns a network with one hidden layer and linear outputs.

    Args:
        inputs: Number of values of an input.
        hidden: Number of hidden units.
        classes: Number of outputs.
        activation: Activation of the hidden units, a name in Keras.
        seed: Seed of the initial weights, which are Glorot uniform.
    """
    glorot = keras.initializers.GlorotUniform
    return keras.Sequential(
        [
            keras.Input([inputs]),
            keras.layers.Dense(hidden, activation, kernel_initializer=glorot(seed)),
            # Linear, because losses on logits stay exact where a sigmoid or softmax saturates.
            keras.layers.Dense(classes, kernel_initializer=glorot(seed + 1)),
        ]
    )


def outputs(network: Callable[[tf.Tensor], tf.Tensor], inputs_nd: np.ndarray) -> np.ndarray:
    """Returns a network's outputs for many inputs, in blocks of 1,000, `[n, c]`."""
    # Without blocks, 5,000 hidden units of 60,000 images would take over a gigabyte.
    blocks = range(0, len(inputs_nd), 1000)
    return np.concatenate([network(inputs_nd[i : i + 1000]).numpy() for i in blocks])


@dataclasses.dataclass(frozen=True)
class SoftmaxPredictor:
    """A `Predictor`: the softmax of a network's linear outputs for pixels."""

    network: keras.Model

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        logits_nc = outputs(self.network, pixels(images)).astype(np.float64)
        return np.asarray(tf.nn.softmax(logits_nc))
