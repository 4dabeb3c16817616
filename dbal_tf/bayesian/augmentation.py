"""Data augmentation: random changes of training images that keep their class."""

import math

import numpy as np
import tensorflow as tf

from dbal_tf.core import Images

FLIPS = ((2,), (1,), (1, 2))
"""Axes of images `[n, h, w, k]` to flip: left to right, upside down, or both."""

_SHIFT = 1 / 14  # of the height and the width: two pixels of 28
_ANGLE = math.radians(10)


def flipped(images: Images, axes: tuple[int, ...]) -> np.ndarray:
    """Returns the images `[n, h, w, k]`, flipped along the given axes; see `FLIPS`."""
    return np.flip(np.asarray(images), axes)


def augment(images: tf.Tensor, kinds: tuple[str, ...], key: tf.Tensor) -> tf.Tensor:
    """Returns the images, each changed at random and independently.

    Args:
        images: Shape `[n, h, w, k]`, float32.
        kinds: The changes: `shift` by up to a fourteenth of height and width, in
            whole pixels; `flip` left to right with probability 1/2; `rotate` by up
            to 10 degrees. Uncovered pixels repeat the image's edge.
        key: Seed of the changes, int64 `[2]`.

    Returns:
        Float32 `[n, h, w, k]`.
    """
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]

    def uniform(site: int, reach: float) -> tf.Tensor:
        own = tf.random.experimental.stateless_fold_in(key, site)
        return tf.random.stateless_uniform([count], own, -reach, reach)

    zeros = tf.zeros([count])
    down, right, angle, mirror = zeros, zeros, zeros, zeros + 1
    if "shift" in kinds:
        # Whole pixels, because interpolation blurs. 0.499 makes all shifts equally likely.
        down = tf.round(uniform(0, round(height * _SHIFT) + 0.499))
        right = tf.round(uniform(1, round(width * _SHIFT) + 0.499))
    if "flip" in kinds:
        mirror = tf.where(uniform(2, 1.0) < 0, -1.0, 1.0)
    if "rotate" in kinds:
        angle = uniform(3, _ANGLE)
    return _moved(images, down, right, angle, mirror)


def _moved(
    images: tf.Tensor, down: tf.Tensor, right: tf.Tensor, angle: tf.Tensor, mirror: tf.Tensor
) -> tf.Tensor:
    """Returns the images mirrored where `mirror` is -1, rotated about the centre, and moved."""
    height, width = images.shape[1], images.shape[2]
    x, y = (width - 1) / 2, (height - 1) / 2
    cos, sin = tf.cos(angle), tf.sin(angle)
    # The operation expects the inverse map: from a pixel of the result to its source.
    a, b, d, e = mirror * cos, mirror * sin, -sin, cos
    from_x, from_y = x + right, y + down
    c, f = x - a * from_x - b * from_y, y - d * from_x - e * from_y
    zeros = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, c, d, e, f, zeros, zeros], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
