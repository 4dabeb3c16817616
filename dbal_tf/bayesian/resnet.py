"""A small residual network for photographs, trained from scratch on few labels."""

from typing import Any

import keras
from keras import layers

_FILTERS = (16, 32, 64)  # of the stages; each after the first halves height and width
_SIDE = 32  # the stem reduces larger images to about this side
_GROUPS = 8


def bayesian_resnet(
    image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> keras.Model:
    """Returns a small residual network, newly initialized.

    Three stages of one residual block (He et al. 2016, with normalization first),
    global average pooling, and the head dropout-dense-relu-dropout-dense-softmax.
    Use it for colour images of 28x28 to 128x128 pixels.

    Only the head has dropout, so that the convolutions run once per image and not
    once per posterior sample. Layers have Keras's current dtype policy,
    probabilities are float32.

    Args:
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        seed: Seed of the initial weights.
    """
    stack = _Stack(seed)
    image = keras.Input(image_shape)
    # Large images are reduced at once, so that a fit costs the same for every size.
    stride = max(1, min(image_shape[:2]) // _SIDE)
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = stack.convolution(x, _FILTERS[0], 2 * stride + 1, stride)
    for stage, filters in enumerate(_FILTERS):
        x = stack.block(x, filters, stride=2 if stage else 1)
    x = layers.Activation("relu")(stack.normalization(x))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.25, seed=seed)(x)
    x = layers.Dense(128, activation="relu", kernel_initializer=stack.initial())(x)
    x = layers.Dropout(0.5, seed=seed)(x)
    probs = layers.Dense(
        num_classes, "softmax", kernel_initializer=stack.initial(), dtype="float32"
    )(x)
    return keras.Model(image, probs, name="bayesian_resnet")


class _Stack:
    """Makes layers, each with initial weights of its own from one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def initial(self) -> keras.initializers.Initializer:
        # Two kernels of one shape and one seed would start with equal weights.
        self._seed += 1
        return keras.initializers.HeNormal(self._seed)

    def convolution(self, x: Any, filters: int, size: int, stride: int = 1) -> Any:
        return layers.Conv2D(
            filters,
            size,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer=self.initial(),
        )(x)

    def normalization(self, x: Any) -> Any:
        # Over groups of one image's channels. Batch normalization would predict with
        # moving averages, which the few steps on few labels leave far from the truth.
        return layers.GroupNormalization(_GROUPS)(x)

    def block(self, x: Any, filters: int, stride: int) -> Any:
        """Returns x plus two convolutions of it."""
        y = layers.Activation("relu")(self.normalization(x))
        widens = stride > 1 or x.shape[-1] != filters
        skip = self.convolution(y, filters, 1, stride) if widens else x
        y = self.convolution(y, filters, 3, stride)
        y = layers.Activation("relu")(self.normalization(y))
        return layers.Add()([skip, self.convolution(y, filters, 3)])
