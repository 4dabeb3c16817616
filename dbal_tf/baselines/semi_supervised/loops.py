"""Training steps in compiled loops."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches

Step = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def compiled(step: Step) -> Callable[[int, int], Mapping[str, tf.Tensor]]:
    """Returns `run(first, last)`, which does the steps `first` to `last` - 1.

    It is what `Session.train` takes. The measures are those of the last step.

    Args:
        step: Does the step of a number, int64 scalar, and returns its measures.
    """
    number = tf.TensorSpec([], tf.int64)

    @tf.function(input_signature=[number, number])
    def run(first: tf.Tensor, last: tf.Tensor) -> dict[str, tf.Tensor]:
        measures = step(first)
        for now in tf.range(first + 1, last):
            measures = step(now)
        return measures

    return run


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
