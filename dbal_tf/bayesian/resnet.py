"""A small residual network for photographs, trained from scratch on few labels."""

from typing import Any

import keras
from keras import layers

_FILTERS = (16, 32, 64)  # per block; all blocks except the first halve height and width
_SIDE = 32  # the stem reduces larger images to about this height and width


def bayesian_resnet(
    image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> keras.Model:
    """Returns a small residual network, newly initialized.

    A convolution, three pre-activation residual blocks, global average pooling, and
    the head dropout-dense-relu-dropout-dense-softmax (He et al., "Identity mappings in
    deep residual networks", 2016). For images of 28x28 to 128x128 pixels.

    Only the head has dropout, so the convolutions run once per image and not once per
    posterior sample. Layers have Keras's current dtype policy; probabilities are
    float32.

    Args:
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        seed: Seed of the initial weights.
    """
    stack = _Stack(seed)
    image = keras.Input(image_shape)
    # The stem reduces large images, so that a fit takes about the same time for any size.
    stride = max(1, min(image_shape[:2]) // _SIDE)
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = stack.convolution(x, _FILTERS[0], 2 * stride + 1, stride)
    for filters in _FILTERS:
        x = stack.block(x, filters, stride=1 if filters == _FILTERS[0] else 2)
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    x = layers.Dropout(0.25, seed=seed)(x)
    x = layers.Dense(128, activation="relu", kernel_initializer=stack.initial())(x)
    x = layers.Dropout(0.5, seed=seed)(x)
    probs = layers.Dense(
        num_classes, "softmax", kernel_initializer=stack.initial(), dtype="float32"
    )(x)
    return keras.Model(image, probs, name="bayesian_resnet")


class _Stack:
    """A builder of layers; each layer has different initial weights, all from one seed.

    There is no normalization. Batch normalization would predict with moving averages,
    which are inaccurate after few steps on few labels. Group normalization made a fit
    2.4 times as long and no better; three blocks can be trained without it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def initial(self) -> keras.initializers.Initializer:
        # With equal seeds, kernels of equal shape would start with equal weights.
        self._seed += 1
        return keras.initializers.HeNormal(self._seed)

    def convolution(self, x: Any, filters: int, size: int, stride: int = 1) -> Any:
        return layers.Conv2D(
            filters, size, stride, padding="same", kernel_initializer=self.initial()
        )(x)

    def block(self, x: Any, filters: int, stride: int) -> Any:
        """Returns a residual block: x, reduced by the stride, plus two convolutions of x."""
        y = layers.Activation("relu")(x)
        skip = self.convolution(y, filters, 1, stride) if stride > 1 else x
        y = layers.Activation("relu")(self.convolution(y, filters, 3, stride))
        return layers.Add()([skip, self.convolution(y, filters, 3)])
