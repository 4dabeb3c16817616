"""Consistency training on unlabelled images: small changes must not change predictions."""

import dataclasses
import functools
import math

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian.adversarial import adversarial, divergence
from dbal_tf.core import Images

_MOST_BYTES = 2**30  # of a random subset, if the images are not in memory


@dataclasses.dataclass(frozen=True, eq=False)
class Consistency:
    """The loss of virtual adversarial training, for any network.

    The loss is the mean of KL(p(y|x) || p(y|x + r)) over a batch of unlabelled images.
    The change r has length epsilon and is the one that changes the prediction most.
    Both passes are in inference mode, without dropout, because the loss smooths the
    function around which the posterior's samples lie.

    Attributes:
        images: Unlabelled images, pixel values 0 to 255, shape `[m, h, w, k]`. If they
            are not in memory, each fit learns from a random subset of at most one
            gigabyte.
        epsilon: L2 norm of r, for pixel values 0 to 1.
        batch_size: Unlabelled images per training step.
    """

    images: Images
    epsilon: float
    batch_size: int

    @functools.cached_property
    def _all(self) -> tf.Tensor:
        return _in_memory(self.images)

    def pool(self, seed: int) -> tf.Tensor:
        """Returns the unlabelled images that a fit with this seed learns from, uint8."""
        most = max(1, _MOST_BYTES // math.prod(self.images.shape[1:]))
        if isinstance(self.images, np.ndarray) or len(self.images) <= most:
            return self._all
        rows = np.random.default_rng(seed).choice(len(self.images), most, replace=False)
        return _in_memory(self.images[np.sort(rows)])

    def batch(self, pool: tf.Tensor, key: tf.Tensor, replicas: int) -> tf.Tensor:
        """Returns random images for one step of a replica, pixel values 0 to 255, float32.

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
        """Returns the logits `[n, c]` of images, and the changed images.

        Gradients do not flow through either; `loss` expects this.
        """
        noise = tf.random.stateless_normal(tf.shape(images), key)
        logits, change = adversarial(
            lambda x: _logits(network, 255 * x), images / 255, noise, self.epsilon
        )
        return logits, images + 255 * change

    def loss(self, network: keras.Model, logits: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
        """Returns the mean divergence of the predictions on changed images, in nats."""
        return tf.reduce_mean(divergence(logits, _logits(network, changed)))


def _logits(network: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """Returns log-probabilities: logits, up to a constant per image."""
    # A user's network may output bfloat16, which is too coarse for differences.
    probs = tf.cast(network(images, training=False), tf.float32)
    # 1e-30, because a probability of 0 in float32 has the logarithm minus infinity.
    return tf.math.log(tf.maximum(probs, 1e-30))


def _in_memory(images: Images) -> tf.Tensor:
    # As bytes: floats take four times the memory. On the CPU: TensorFlow gathers bytes only
    # there, and would otherwise copy all of them at each step.
    with tf.device("CPU:0"):
        return tf.constant(np.asarray(images))
