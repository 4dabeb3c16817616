"""Training: all epochs of a round in one compiled call."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian import masks
from dbal_tf.bayesian.networks import NetworkFactory
from dbal_tf.core import Images

_SMALLEST_BATCH = 16  # a smaller last batch is merged into the one before


class Fitter:
    """Trains one network repeatedly, each time from newly initialized weights.

    The network, its optimizer and the compiled training loop are built once,
    which takes seconds; a fit resets their variables, which takes milliseconds.
    The loss is the mean cross-entropy plus (c/N) * sum of squares of the kernel
    of the first dense layer. The optimizer is Adam.

    Args:
        factory: Builds the network from image shape, number of classes and seed.
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        learning_rate: Learning rate of Adam.
        batch_size: Images per training step.
        merge_remainder: Whether the last batch of an epoch is merged into the
            one before if it has fewer than 16 images. The authors' code trains
            on it alone, and the test error jumps where it has two or four.
        dtype_policy: Keras dtype policy of the network's layers.
    """

    def __init__(
        self,
        factory: NetworkFactory,
        image_shape: tuple[int, int, int],
        num_classes: int,
        learning_rate: float = 1e-3,
        batch_size: int = 128,
        merge_remainder: bool = True,
        dtype_policy: str = "float32",
    ) -> None:
        self._strategy = tf.distribute.get_strategy()
        self._make = _under_policy(
            dtype_policy, functools.partial(factory, image_shape, num_classes)
        )
        self._batch_size = batch_size
        self._smallest = min(_SMALLEST_BATCH, batch_size) if merge_remainder else 1
        self.network = self._make(0)
        self._decayed = _first_dense_kernel(self.network)
        self._optimizer = keras.optimizers.Adam(learning_rate)
        self._optimizer.build(self.network.trainable_variables)
        self._cross_entropy = keras.losses.SparseCategoricalCrossentropy()
        # The signature makes one trace serve all numbers of images and epochs.
        self._run = tf.function(
            self._all_epochs,
            input_signature=[
                tf.TensorSpec([None, *image_shape], tf.float32),
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([], tf.int64),
                tf.TensorSpec([], tf.float32),
                tf.TensorSpec([], tf.int64),
            ],
        )

    def fit(
        self,
        images: Images,
        classes: np.ndarray,
        epochs: int,
        weight_decay: float,
        seed: int,
    ) -> float:
        """Trains from the initial weights of a seed; returns the last epoch's mean loss.

        Args:
            images: Pixel values 0 to 255, shape `[n, h, w, k]`.
            classes: Class indices, shape `[n]`.
            epochs: Number of passes over the images.
            weight_decay: The c of the penalty (c/N) * sum of squares.
            seed: Seed of the initial weights, the order of images and dropout.

        Raises:
            ArithmeticError: The loss is not finite.
        """
        self._reset(seed)
        penalty = np.float32(weight_decay / len(images))
        loss = self._run(np.asarray(images, np.float32), classes, epochs, penalty, seed)
        if not np.isfinite(loss):
            raise ArithmeticError(
                f"The training loss became {float(loss)}; try a smaller --learning_rate."
            )
        return float(loss)

    def _reset(self, seed: int) -> None:
        """Resets weights, optimizer and dropout states to their initial values."""
        self.network.set_weights(self._make(seed).get_weights())
        for variable in self._optimizer.variables:
            # Moments and the count of steps start at 0; the rate is a variable, too.
            if variable is not self._optimizer._learning_rate:
                variable.assign(tf.zeros_like(variable))
        # Layers of one rate and shape would drop the same units with equal seeds.
        for offset, state in enumerate(masks.seed_states(self.network)):
            state.assign(np.array([seed + offset, 0], np.uint32))

    def _all_epochs(
        self,
        images: tf.Tensor,
        classes: tf.Tensor,
        epochs: tf.Tensor,
        penalty: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        count = tf.size(classes)
        batches = self._num_batches(count)
        loss = tf.constant(0.0)
        for epoch in tf.range(epochs):
            key = tf.stack([seed, epoch])
            order = tf.random.experimental.stateless_shuffle(tf.range(count), key)
            loss = tf.constant(0.0)
            for batch in tf.range(batches):
                start = batch * self._batch_size
                # The last batch takes what is left, be it less or, merged, more.
                end = tf.where(batch == batches - 1, count, start + self._batch_size)
                shares = self._strategy.run(
                    self._step, args=(images, classes, order[start:end], penalty)
                )
                loss += self._strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)
        return loss / tf.cast(batches, tf.float32)

    def _num_batches(self, count: tf.Tensor) -> tf.Tensor:
        whole, rest = count // self._batch_size, count % self._batch_size
        alone = (rest >= self._smallest) | (whole == 0)
        return whole + tf.cast((rest > 0) & alone, tf.int32)

    def _step(
        self, images: tf.Tensor, classes: tf.Tensor, rows: tf.Tensor, penalty: tf.Tensor
    ) -> tf.Tensor:
        """Does one replica's part of a training step; returns its part of the loss."""
        mine, share = self._share(rows)
        with tf.GradientTape() as tape:
            probs = self.network(tf.gather(images, mine), training=True)
            loss = self._cross_entropy(tf.gather(classes, mine), probs)
            if self._decayed is not None:
                loss += penalty * tf.reduce_sum(tf.square(self._decayed))
            # Keras sums gradients over the replicas; the weighted ones sum to the mean.
            loss *= share
        variables = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def _share(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the rows of a batch for this replica, and the weight of their loss."""
        replicas = self._strategy.num_replicas_in_sync
        first = tf.distribute.get_replica_context().replica_id_in_sync_group
        # With fewer rows than replicas each takes all of them: the mean loss of no rows
        # would be NaN.
        few = tf.size(rows) < replicas
        mine = tf.cond(few, lambda: rows, lambda: rows[first::replicas])
        everyone = tf.size(rows) * tf.where(few, replicas, 1)
        return mine, tf.cast(tf.size(mine) / everyone, tf.float32)


def _under_policy(policy: str, make: Callable[[int], keras.Model]) -> Callable[..., Any]:
    """Returns `make`, run under a Keras dtype policy."""

    def run(seed: int) -> keras.Model:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return make(seed)
        finally:
            keras.config.set_dtype_policy(before)

    return run


def _first_dense_kernel(network: keras.Model) -> keras.Variable | None:
    """Returns the kernel with weight decay; None if the only dense layer is the last."""
    dense = [x for x in network._flatten_layers() if isinstance(x, keras.layers.Dense)]
    return dense[0].kernel if len(dense) > 1 else None
