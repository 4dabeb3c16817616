"""Learning from unlabelled images: predictions that small changes do not change."""

import dataclasses
import functools
import math

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian.adversarial import adversarial, divergence
from dbal_tf.core import Images

_MOST_BYTES = 2**30  # of images in memory if the pool is not


@dataclasses.dataclass(frozen=True, eq=False)
class Consistency:
    """The loss of virtual adversarial training, for any network.

    The mean over a batch of unlabelled images of KL(p(y|x) || p(y|x + r)), where r is
    the change of length epsilon that changes the prediction most. Dropout is off in
    both passes, and batch normalisation in inference mode: what is smoothed is the
    function around which the posterior's samples lie.

    Attributes:
        images: Unlabelled images, pixel values 0 to 255, shape `[m, h, w, k]`. Of
            images that are not in memory each fit learns from a random part, a
            gigabyte at most.
        epsilon: Length of r, L2, for pixel values 0 to 1.
        batch_size: Unlabelled images per training step.
    """

    images: Images
    epsilon: float
    batch_size: int

    @functools.cached_property
    def _all(self) -> tf.Tensor:
        return _in_memory(self.images)

    def pool(self, seed: int) -> tf.Tensor:
        """Returns the unlabelled images that a fit with a seed learns from, uint8."""
        most = max(1, _MOST_BYTES // math.prod(self.images.shape[1:]))
        if isinstance(self.images, np.ndarray) or len(self.images) <= most:
            return self._all
        rows = np.random.default_rng(seed).choice(len(self.images), most, replace=False)
        return _in_memory(self.images[np.sort(rows)])

    def batch(self, pool: tf.Tensor, key: tf.Tensor, replicas: int) -> tf.Tensor:
        """Returns a replica's random images of a step, pixel values 0 to 255, float32.

        Args:
            pool: The result of `pool`.
            key: Seed of the step and the replica, int64 `[2]`.
            replicas: Number of replicas that share the batch.
        """
        size = -(-self.batch_size // replicas)
        rows = tf.random.stateless_uniform([size], key, 0, tf.shape(pool)[0], tf.int32)
        return tf.cast(tf.gather(pool, rows), tf.float32)

    def attack(
        self, network: keras.Model, images: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the logits `[n, c]` of images, and the images with their changes.

        Both are constants to a gradient tape, as `loss` wants them.
        """
        noise = tf.random.stateless_normal(tf.shape(images), key)
        logits, change = adversarial(
            lambda x: _logits(network, 255 * x), images / 255, noise, self.epsilon
        )
        return logits, images + 255 * change

    def loss(self, network: keras.Model, logits: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
        """Returns the mean divergence of the predictions for changed images, in nats."""
        return tf.reduce_mean(divergence(logits, _logits(network, changed)))


def _logits(network: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """Returns logarithms of probabilities: logits, up to a number for each image."""
    # Own networks may give probabilities in bfloat16, which are too coarse to subtract.
    probs = tf.cast(network(images, training=False), tf.float32)
    # 1e-30: the logarithm of a probability that is 0 in float32 is minus infinity.
    return tf.math.log(tf.maximum(probs, 1e-30))


def _in_memory(images: Images) -> tf.Tensor:
    # As bytes: as floats they take four times the memory. TensorFlow gathers bytes on the CPU
    # alone, and would copy them all there at each step.
    with tf.device("CPU:0"):
        return tf.constant(np.asarray(images))
