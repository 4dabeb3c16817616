"""Training steps in compiled loops."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches

Step = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def compiled(step: Step) -> Callable[[int, int], dict[str, tf.Tensor]]:
    """Returns the `run` that `Session.train` takes.

    Args:
        step: A function of the step's number, int64 scalar, that does the step
            and returns its measures, float32 scalars by name. It is traced once,
            so random numbers must be derived from the step's number.

    Returns:
        `run(first, last)` does the steps `first` to `last` - 1 in one call and
        returns the mean of each measure.
    """
    traced = tf.function(step)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2)
    def run(first: tf.Tensor, last: tf.Tensor) -> dict[str, tf.Tensor]:
        # Outside of the loop: a compiled loop needs to know its variables before it starts.
        sums = dict(traced(first))
        for number in tf.range(first + 1, last):
            measures = traced(number)
            sums = {name: total + measures[name] for name, total in sums.items()}
        return {name: total / tf.cast(last - first, tf.float32) for name, total in sums.items()}

    def call(first: int, last: int) -> dict[str, tf.Tensor]:
        # As tensors: given Python numbers, tf.function would trace anew for each pair.
        return run(tf.constant(first, tf.int64), tf.constant(last, tf.int64))

    return call


def draw(seed: int, step: tf.Tensor, site: int, count: int, size: int) -> tf.Tensor:
    """Returns rows drawn with replacement, int32 `[size]`.

    Unlike `batches.rows` it does not shuffle all rows at each step, which takes
    longer than a small step itself for tens of thousands of rows.

    Args:
        seed: Of the fit.
        step: The number of the step, int64 scalar.
        site: Which of the step's random operations.
        count: How many rows there are.
        size: How many to draw.
    """
    key = batches.key(seed, step, site)
    return tf.random.stateless_uniform([size], key, maxval=count, dtype=tf.int32)


def cosine_adam(rate: float, steps: int) -> keras.optimizers.Optimizer:
    """Returns Adam with a rate that falls to zero along half a cosine in `steps` steps."""
    # For training whose published rates are not known: only the first is left to choose.
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))


def descend(
    optimizer: keras.optimizers.Optimizer,
    variables: list[keras.Variable],
    loss: Callable[[], tf.Tensor],
) -> tf.Tensor:
    """Does one step of an optimizer; returns the loss before it."""
    with tf.GradientTape() as tape:
        value = loss()
    optimizer.apply(tape.gradient(value, variables), variables)
    return value
