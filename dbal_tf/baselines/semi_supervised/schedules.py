"""Learning-rate schedules that Keras does not have."""

from typing import Any

import keras
import tensorflow as tf


class HoldThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant at first and then falls linearly to 0.

    Args:
        rate: Initial learning rate.
        hold: Number of steps before the learning rate falls.
        steps: The step at which it reaches 0, more than `hold`.

    >>> schedule = HoldThenLinear(0.5, hold=10, steps=20)
    >>> [float(schedule(step)) for step in (0, 10, 15, 20)]
    [0.5, 0.5, 0.25, 0.0]
    """

    def __init__(self, rate: float, hold: int, steps: int) -> None:
        self._rate, self._hold, self._steps = rate, hold, steps

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar."""
        left = (self._steps - tf.cast(step, tf.float32)) / (self._steps - self._hold)
        # A negative learning rate, after the last step, would increase the loss.
        return self._rate * tf.clip_by_value(left, 0.0, 1.0)
