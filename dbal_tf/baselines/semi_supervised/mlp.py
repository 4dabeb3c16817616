"""A multilayer perceptron with batch normalisation, and its predictor."""

import dataclasses
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import scipy.special
import tensorflow as tf

from dbal_tf.baselines.semi_supervised.normalisation import EPSILON, Normalise
from dbal_tf.baselines.semi_supervised.system import pixels

_CHUNK = 2000  # images at once; 2000 x 1200 units are 10 MB


class Mlp(keras.layers.Layer):
    """A multilayer perceptron: normalised dense layers with ReLU between them.

    A layer computes scale * normalise(x W) + shift. Training normalises by the
    statistics of a batch, prediction by those that `settle` computed.

    Args:
        inputs: Number of pixels.
        units: Units of each layer; the last layer has one per class.
        seed: Seed of the initial weights, which are normal with variance 1 / fan-in.
        scale_hidden: Whether the hidden layers learn a scale. With ReLU, the
            next layer's weights can do the same.
    """

    def __init__(
        self, inputs: int, units: Sequence[int], seed: int, scale_hidden: bool = True
    ) -> None:
        super().__init__()
        self.kernels, self.scales, self.shifts = [], [], []
        self.means, self.deviations = [], []
        for layer, (ins, outs) in enumerate(zip([inputs, *units], units, strict=False)):
            scaled = scale_hidden or layer == len(units) - 1
            # A seed per layer; otherwise layers of equal shape would start with equal weights.
            self.kernels.append(self.add_weight((ins, outs), normal(seed + layer)))
            self.scales.append(self.add_weight((outs,), "ones", trainable=scaled))
            # Instead of a bias, which normalisation would subtract again.
            self.shifts.append(self.add_weight((outs,), "zeros"))
            self.means.append(self.add_weight((outs,), "zeros", trainable=False))
            self.deviations.append(self.add_weight((outs,), "ones", trainable=False))

    def logits(self, inputs: tf.Tensor, normalise: Normalise) -> tf.Tensor:
        """Returns the logits, `[n, c]`, of rows of pixels, `[n, d]`.

        Args:
            inputs: Pixel values 0 to 1.
            normalise: Standardises the pre-activations of a layer, given the layer's
                number from 0; it may also record them or add noise.
        """
        values = inputs
        for layer in range(len(self.kernels)):
            values = self._activate(layer, normalise(layer, values @ self.kernels[layer]))
        return values

    def settled(self, layer: int, values: tf.Tensor) -> tf.Tensor:
        """Standardises values by the statistics of `settle`; a `Normalise` function."""
        return (values - self.means[layer]) / self.deviations[layer]

    def settle(self, images: np.ndarray) -> None:
        """Computes the statistics for prediction from images, uint8 `[n, h, w, k]`.

        They are exact and computed layer by layer, because a layer's statistics depend
        on those of the layers below.
        """
        for layer in range(len(self.kernels)):
            # In float64, because the variance below is a difference of large numbers.
            total, squares = np.float64(0), np.float64(0)
            for chunk in _chunks(images):
                values = self._before(layer, chunk).numpy().astype(np.float64)
                total = total + values.sum(axis=0)
                squares = squares + np.square(values).sum(axis=0)
            mean = total / len(images)
            # Rounding may make the variance of a constant unit negative.
            variance = np.maximum(squares / len(images) - np.square(mean), 0)
            self.means[layer].assign(mean)
            self.deviations[layer].assign(np.sqrt(variance + EPSILON))

    def _before(self, layer: int, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the pre-activations of a layer, after `settle` for the layers below."""
        values = inputs
        for below in range(layer):
            values = self._activate(below, self.settled(below, values @ self.kernels[below]))
        return values @ self.kernels[layer]

    def _activate(self, layer: int, values: tf.Tensor) -> tf.Tensor:
        values = values * self.scales[layer] + self.shifts[layer]
        return values if layer == len(self.kernels) - 1 else tf.nn.relu(values)


def normal(seed: int) -> keras.initializers.Initializer:
    """Returns the initializer of normal weights with variance 1 / fan-in."""
    # Untruncated, as in VAT and in the ladder network.
    return keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal", seed)


@dataclasses.dataclass(frozen=True)
class MlpPredictor:
    """A `Predictor` that uses an `Mlp` after `settle`."""

    mlp: Mlp

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        logits = [self.mlp.logits(chunk, self.mlp.settled) for chunk in _chunks(images)]
        return scipy.special.softmax(np.concatenate(logits).astype(np.float64), axis=1)


def _chunks(images: np.ndarray) -> Iterator[tf.Tensor]:
    """Yields chunks of at most 2000 rows of pixels, float32 `[n, d]`; at least one chunk."""
    # An empty chunk if there are no images: np.concatenate does not accept an empty list.
    for start in range(0, max(1, len(images)), _CHUNK):
        yield tf.constant(pixels(images[start : start + _CHUNK]))
