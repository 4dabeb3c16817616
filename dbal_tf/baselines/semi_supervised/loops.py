"""Compiled training loops."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches

Step = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def compiled(step: Step) -> Callable[[int, int], dict[str, tf.Tensor]]:
    """Returns a compiled `run` function for `Session.train`.

    Args:
        step: A function that takes the step's index, int64 scalar, runs the step and
            returns its measures, float32 scalars by name. It is traced only once, so
            random numbers must be derived from the step's index.

    Returns:
        `run(first, last)`, which runs the steps `first` to `last` - 1 in one call and
        returns the mean of each measure.
    """
    traced = tf.function(step)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2)
    def run(first: tf.Tensor, last: tf.Tensor) -> dict[str, tf.Tensor]:
        # Before the loop: a compiled loop must know its variables in advance.
        sums = dict(traced(first))
        for number in tf.range(first + 1, last):
            measures = traced(number)
            sums = {name: total + measures[name] for name, total in sums.items()}
        return {name: total / tf.cast(last - first, tf.float32) for name, total in sums.items()}

    def call(first: int, last: int) -> dict[str, tf.Tensor]:
        # As tensors: with Python numbers, tf.function would trace again for each pair.
        return run(tf.constant(first, tf.int64), tf.constant(last, tf.int64))

    return call


def draw(seed: int, step: tf.Tensor, site: int, count: int, size: int) -> tf.Tensor:
    """Returns rows drawn with replacement, int32 `[size]`.

    Unlike `batches.rows`, it does not shuffle all rows in each step. For tens of
    thousands of rows, shuffling takes longer than a small step itself.

    Args:
        seed: Seed of the fit.
        step: Index of the training step, int64 scalar.
        site: Index of the random operation within the step.
        count: Number of rows.
        size: Number of rows to draw.
    """
    key = batches.key(seed, step, site)
    return tf.random.stateless_uniform([size], key, maxval=count, dtype=tf.int32)


def cosine_adam(rate: float, steps: int) -> keras.optimizers.Optimizer:
    """Returns Adam with a learning rate that falls to zero by cosine decay in `steps` steps."""
    # For systems without published learning rates: only the initial rate has to be chosen.
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def descend(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    loss: Callable[[], tf.Tensor],
) -> tf.Tensor:
    """Runs one step of an optimizer; returns the loss before the step."""
    with tf.GradientTape() as tape:
        value = loss()
    optimizer.apply(tape.gradient(value, variables), variables)
    return value
