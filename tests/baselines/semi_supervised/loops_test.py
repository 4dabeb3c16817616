import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import loops


def test_compiled_does_each_step_once_and_returns_the_last_measures():
    done = tf.Variable(tf.zeros([8], tf.int64))

    def step(now):
        done.assign(tf.tensor_scatter_nd_add(done, [[now]], [1]))
        return {"number": now}

    run = loops.compiled(step)
    assert int(run(2, 5)["number"]) == 4
    assert int(run(5, 6)["number"]) == 5
    np.testing.assert_array_equal(done, [0, 0, 1, 1, 1, 1, 0, 0])


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
