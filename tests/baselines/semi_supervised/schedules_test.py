"""Learning rates at the steps where they change."""

import doctest

import keras
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import schedules
from dbal_tf.baselines.semi_supervised.schedules import HoldThenLinear


def test_docstring() -> None:
    assert doctest.testmod(schedules).failed == 0


@pytest.mark.parametrize(("step", "rate"), [(0, 2), (6, 2), (7, 1.5), (10, 0), (11, 0)])
def test_rate(step: int, rate: float) -> None:
    schedule = HoldThenLinear(2.0, hold=6, steps=10)
    assert float(schedule(tf.constant(step, tf.int64))) == pytest.approx(rate)


def test_an_optimizer_follows_it() -> None:
    optimizer = keras.optimizers.SGD(HoldThenLinear(1.0, hold=1, steps=3))
    weight = keras.Variable(0.0)
    places = []
    for _ in range(4):
        optimizer.apply([tf.constant(-1.0)], [weight])
        places.append(float(weight))
    assert places == [1.0, 2.0, 2.5, 2.5]
