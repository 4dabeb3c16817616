"""Training steps in compiled loops."""

from collections.abc import Callable, Mapping

import tensorflow as tf

Step = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def compiled(step: Step) -> Callable[[int, int], dict[str, tf.Tensor]]:
    """Returns the `run` that `Session.train` takes.

    Args:
        step: Does a training step, given its number, int64 scalar, and returns
            its measures, float32 scalars by name. Is traced once; may only use
            random numbers that depend on the step's number.

    Returns:
        `run(first, last)` does the steps `first` to `last` - 1 in one call and
        returns the mean of each measure.
    """
    traced = tf.function(step)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2)
    def run(first: tf.Tensor, last: tf.Tensor) -> dict[str, tf.Tensor]:
        sums = dict(traced(first))
        for number in tf.range(first + 1, last):
            measures = traced(number)
            sums = {name: total + measures[name] for name, total in sums.items()}
        return {name: total / tf.cast(last - first, tf.float32) for name, total in sums.items()}

    def call(first: int, last: int) -> dict[str, tf.Tensor]:
        return run(tf.constant(first, tf.int64), tf.constant(last, tf.int64))

    return call
