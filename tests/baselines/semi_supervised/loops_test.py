"""A compiled loop does each step once and returns means."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import loops


def test_each_step_is_done_once_and_measures_are_means() -> None:
    total, traces = tf.Variable(0, dtype=tf.int64), []

    def step(number: tf.Tensor) -> dict[str, tf.Tensor]:
        traces.append(number)
        total.assign(10 * total + number)
        return {"number": tf.cast(number, tf.float32), "one": tf.constant(1.0)}

    run = loops.compiled(step)
    first = run(1, 4)
    assert float(first["number"]) == 2 and float(first["one"]) == 1
    assert float(run(4, 5)["number"]) == 4
    assert int(total) == 1234
    assert len(traces) == 1


def test_one_bad_measure_shows_in_the_mean() -> None:
    run = loops.compiled(lambda number: {"loss": tf.math.log(tf.cast(number - 2, tf.float32))})
    assert float(run(3, 5)["loss"]) == pytest.approx(0.5 * 0.693147, rel=1e-5)
    assert not tf.math.is_finite(run(2, 5)["loss"])


def test_rows_depend_on_seed_step_and_site():
    def rows(seed, step, site):
        return tuple(loops.draw(seed, tf.constant(step, tf.int64), site, 1000, 20).numpy())

    assert rows(0, 5, 1) == rows(0, 5, 1)
    assert len({rows(0, 5, 1), rows(1, 5, 1), rows(0, 6, 1), rows(0, 5, 2)}) == 4


def test_all_rows_are_drawn():
    drawn = loops.draw(0, tf.constant(0, tf.int64), 0, 3, 100)
    assert set(drawn.numpy()) == {0, 1, 2}


def test_the_rate_falls_to_zero():
    optimizer = loops.cosine_adam(0.5, 10)
    variable = keras.Variable(1.0)
    optimizer.build([variable])
    assert float(optimizer.learning_rate) == 0.5
    for _ in range(10):
        loops.descend(optimizer, [variable], lambda: tf.square(variable.value))
    assert float(optimizer.learning_rate) < 1e-7


def test_descend_returns_the_loss_before_the_step():
    variable = keras.Variable(3.0)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build([variable])
    loss = loops.descend(optimizer, [variable], lambda: tf.square(variable.value))
    assert float(loss) == 9.0
    np.testing.assert_allclose(variable.numpy(), 3.0 - 0.1 * 6.0, rtol=1e-6)
