"""A compiled loop does each step once and returns means."""

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
