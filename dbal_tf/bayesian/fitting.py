"""Training: all epochs of a round in one compiled call."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian import ensemble, masks
from dbal_tf.bayesian.augmentation import augment
from dbal_tf.bayesian.consistency import Consistency
from dbal_tf.bayesian.networks import NetworkFactory
from dbal_tf.bayesian.variational import NormalDense
from dbal_tf.core import Images

_SMALLEST_BATCH = 16  # a smaller last batch is merged into the previous one
_STEPS_BETWEEN = 20  # training steps between two checks


class Fitter:
    """A trainer that fits one network repeatedly, each time from new initial weights.

    The network, its optimizer and the compiled training loop are built once, which
    takes seconds. Each fit begins by resetting their variables, in milliseconds.
    The optimizer is Adam. The loss is the mean cross-entropy plus (c/N) times the sum of
    squares of the first dense layer's kernel, where c is the weight-decay constant and N
    the number of images. For an ensemble, it is the mean of the members' losses; for
    uncertain weights, see `variational`.

    With `consistency`, the loss on unlabelled images is added. This needs a falling
    learning rate.

    Args:
        factory: Builds the network from image shape, number of classes and seed.
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        learning_rate: Learning rate of Adam.
        batch_size: Images per training step.
        merge_remainder: Whether the last batch of an epoch is merged into the
            previous one if it has fewer than 16 images. The authors' code trains
            on it alone; the test error then jumps if it has only two or four images.
        dtype_policy: Keras dtype policy of the network's layers.
        consistency: Loss on unlabelled images; None: only labelled images are used.
        augmentation: Random changes of the images in each step; see `augment`.
        rate_falls: Whether the learning rate falls linearly to 0 over the second
            half of a fit.
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
        consistency: Consistency | None = None,
        augmentation: tuple[str, ...] = (),
        rate_falls: bool = False,
    ) -> None:
        self._strategy = tf.distribute.get_strategy()
        self._replicas = self._strategy.num_replicas_in_sync
        self._make = _under_policy(
            dtype_policy, functools.partial(factory, image_shape, num_classes)
        )
        self._batch_size = batch_size
        self._smallest = min(_SMALLEST_BATCH, batch_size) if merge_remainder else 1
        self.network = self._make(0)
        self._rate, self._rate_falls = learning_rate, rate_falls
        self._consistency, self._augmentation = consistency, augmentation
        self._members = ensemble.members(self.network)
        self._costs = [cost for member in self._members for cost in _costs(member)]
        self._optimizer = keras.optimizers.Adam(learning_rate)
        self._optimizer.build(self.network.trainable_variables)
        self._cross_entropy = keras.losses.SparseCategoricalCrossentropy()
        # With this signature, one trace serves any number of images and epochs.
        self._run = tf.function(
            self._all_epochs,
            input_signature=[
                tf.TensorSpec([None, *image_shape], tf.float32),
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([3], tf.int64),
                tf.TensorSpec([], tf.float32),
                tf.TensorSpec([], tf.int64),
                tf.TensorSpec([num_classes], tf.float32),
                tf.TensorSpec([None, *image_shape], tf.uint8),
            ],
        )

    def fit(
        self,
        images: Images,
        classes: np.ndarray,
        epochs: int,
        weight_decay: float,
        seed: int,
        steps: int = 0,
        class_weights: np.ndarray | None = None,
        check: Callable[[], None] | None = None,
    ) -> float:
        """Trains from the seed's initial weights; returns the mean loss of the last epoch.

        Args:
            images: Pixel values 0 to 255, shape `[n, h, w, k]`.
            classes: Class indices, shape `[n]`.
            epochs: Number of passes over the images.
            weight_decay: Weight-decay constant c of the penalty (c/N) * sum of squares.
            seed: Seed of the initial weights, the order of images and dropout.
            steps: Minimum number of training steps; epochs are added to reach it.
            class_weights: Weight of each class in the cross-entropy, shape `[c]`;
                None: all 1.
            check: Called every few steps; an exception that it raises ends the fit.

        Raises:
            ArithmeticError: The loss is not finite.
        """
        self._reset(seed)
        penalty = np.float32(weight_decay / len(images))
        batches = int(self._num_batches(tf.constant(len(images))))
        epochs = max(epochs, -(-steps // batches))
        shape, num_classes = self.network.input_shape[1:], self.network.output_shape[-1]
        weights = np.ones(num_classes) if class_weights is None else class_weights
        pool = tf.zeros([0, *shape], tf.uint8)
        if self._consistency is not None:
            pool = self._consistency.pool(seed)
        rest = penalty, seed, np.asarray(weights, np.float32), pool
        pixels, loss = tf.constant(np.asarray(images, np.float32)), 0.0
        for span in _spans(epochs, batches, check):
            loss = self._run(pixels, classes, span, *rest)
        if not np.isfinite(loss):
            raise ArithmeticError(
                f"The training loss became {float(loss)}; try a smaller --learning_rate."
            )
        return float(loss)

    def _reset(self, seed: int) -> None:
        """Resets weights, optimizer and dropout states to their initial values."""
        self.network.set_weights(self._make(seed).get_weights())
        for variable in self._optimizer.variables:
            # Moments and the step count start at 0. The learning rate is also a variable.
            if variable is not self._optimizer._learning_rate:
                variable.assign(tf.zeros_like(variable))
        # With equal seeds, layers of equal rate and shape would drop the same units.
        for offset, state in enumerate(masks.seed_states(self.network)):
            state.assign(np.array([seed + offset, 0], np.uint32))

    def _all_epochs(
        self,
        images: tf.Tensor,
        classes: tf.Tensor,
        span: tf.Tensor,
        penalty: tf.Tensor,
        seed: tf.Tensor,
        weights: tf.Tensor,
        pool: tf.Tensor,
    ) -> tf.Tensor:
        """Runs epochs `span[0]` to `span[1] - 1` of `span[2]`; returns the last's mean loss."""
        count = tf.size(classes)
        batches = self._num_batches(count)
        loss = tf.constant(0.0)
        for epoch in tf.range(span[0], span[1]):
            key = tf.stack([seed, epoch])
            order = tf.random.experimental.stateless_shuffle(tf.range(count), key)
            loss = tf.constant(0.0)
            for batch in tf.range(batches):
                start = batch * self._batch_size
                # The last batch takes all remaining images: fewer, or more if merged.
                end = tf.where(batch == batches - 1, count, start + self._batch_size)
                step = epoch * tf.cast(batches, tf.int64) + tf.cast(batch, tf.int64)
                if self._rate_falls:
                    left = 1 - step / (span[2] * tf.cast(batches, tf.int64))
                    rate = self._rate * tf.minimum(1.0, 2 * tf.cast(left, tf.float32))
                    self._optimizer._learning_rate.assign(rate)
                args = images, classes, order[start:end], penalty, weights, pool
                shares = self._strategy.run(self._step, args=(*args, tf.stack([seed, step])))
                loss += self._strategy.reduce(tf.distribute.ReduceOp.SUM, shares, axis=None)
        return loss / tf.cast(batches, tf.float32)

    def _num_batches(self, count: tf.Tensor) -> tf.Tensor:
        whole, rest = count // self._batch_size, count % self._batch_size
        alone = (rest >= self._smallest) | (whole == 0)
        return whole + tf.cast((rest > 0) & alone, tf.int32)

    # Like Keras's own training step, it has no Python loop or branch on tensors to convert.
    @tf.autograph.experimental.do_not_convert
    def _step(
        self,
        images: tf.Tensor,
        classes: tf.Tensor,
        rows: tf.Tensor,
        penalty: tf.Tensor,
        weights: tf.Tensor,
        pool: tf.Tensor,
        key: tf.Tensor,
    ) -> tf.Tensor:
        """Runs one replica's share of a training step; returns its share of the loss."""
        mine, share = self._share(rows)
        keys = self._keys(key)
        inputs, targets = (
            self._augmented(tf.gather(images, mine), keys[0]),
            tf.gather(classes, mine),
        )
        if self._consistency is not None:
            # Outside the tape: no gradient flows through these predictions and changes.
            unlabelled = self._consistency.batch(pool, keys[1], self._replicas)
            unlabelled = self._augmented(unlabelled, keys[2])
            attacks = [
                self._consistency.attack(member, unlabelled, keys[3])
                for member in self._members
            ]
        with tf.GradientTape() as tape:
            loss = tf.add_n([penalty * cost() for cost in self._costs] or [0.0])
            for member in self._members:
                probs = member(inputs, training=True)
                entropy = self._cross_entropy(targets, probs, tf.gather(weights, targets))
                # Keras divides by the number of replicas, and so does `share`.
                loss += entropy * self._replicas
                # Those that the network's own layers add, such as a user's regularizers.
                loss += tf.add_n([tf.cast(x, tf.float32) for x in member.losses] or [0.0])
            # Keras sums gradients over the replicas; the weighted ones sum to the mean.
            loss *= share / len(self._members)
            if self._consistency is not None:
                # For each member: their mean may be smooth although no member is.
                for member, attack in zip(self._members, attacks, strict=True):
                    smoothness = self._consistency.loss(member, *attack)
                    loss += smoothness / (self._replicas * len(self._members))
        variables = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def _keys(self, key: tf.Tensor) -> list[tf.Tensor]:
        """Returns the seeds of a replica's random operations in a step."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        fold_in = tf.random.experimental.stateless_fold_in
        return [fold_in(fold_in(key, replica), site) for site in range(4)]

    def _augmented(self, images: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        return augment(images, self._augmentation, key) if self._augmentation else images

    def _share(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns this replica's rows of a batch, and the weight of their loss."""
        replicas = self._replicas
        first = tf.distribute.get_replica_context().replica_id_in_sync_group
        # With fewer rows than replicas, each replica takes all rows: the mean loss of an
        # empty batch would be NaN.
        few = tf.size(rows) < replicas
        mine = tf.cond(few, lambda: rows, lambda: rows[first::replicas])
        everyone = tf.size(rows) * tf.where(few, replicas, 1)
        return mine, tf.cast(tf.size(mine) / everyone, tf.float32)


def _spans(epochs: int, batches: int, check: Callable[[], None] | None) -> Iterator[np.ndarray]:
    """Yields `[first, end, total]` for each span of epochs; calls `check` before each."""
    # Spans are used even without a check, because an interrupt waits for the end of a span.
    at_once = max(1, _STEPS_BETWEEN // batches)
    for first in range(0, epochs, at_once):
        if check is not None:
            check()
        yield np.array([first, min(first + at_once, epochs), epochs], np.int64)


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


def _costs(network: keras.Model) -> list[Callable[[], tf.Tensor]]:
    """Returns functions that compute the penalties.

    They are the sum of squares of the first dense layer's kernel, unless that layer is
    the last one; and for layers with uncertain weights, the divergence from the prior.
    """
    dense = [x for x in network._flatten_layers() if isinstance(x, keras.layers.Dense)]
    costs = [layer.cost for layer in dense if isinstance(layer, NormalDense)]
    if len(dense) > 1 and not isinstance(dense[0], NormalDense):
        costs.append(lambda: tf.reduce_sum(tf.square(dense[0].kernel)))
    return costs
