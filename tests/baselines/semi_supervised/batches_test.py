"""Batches take each row once an epoch and depend on the seed and the step alone."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches


def rows(seed, step, count, size):
    return batches.rows(seed, tf.constant(step, tf.int64), count, size).numpy()


def key(seed, step, site):
    return tuple(batches.key(seed, tf.constant(step, tf.int64), site).numpy().tolist())


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_each_row_is_taken_once_an_epoch(epoch):
    taken = [rows(3, step, 12, 4) for step in range(3 * epoch, 3 * epoch + 3)]
    assert all(batch.shape == (4,) and batch.dtype == np.int32 for batch in taken)
    np.testing.assert_array_equal(np.sort(np.concatenate(taken)), np.arange(12))


def test_epochs_and_seeds_have_orders_of_their_own():
    def order(seed, epoch):
        return tuple(np.concatenate([rows(seed, 5 * epoch + i, 50, 10) for i in range(5)]))

    assert len({order(0, 0), order(0, 1), order(1, 0), tuple(range(50))}) == 4


def test_rows_depend_on_seed_and_step_alone():
    tf.random.set_seed(1)
    first = [rows(5, step, 20, 6) for step in range(9)]
    tf.random.set_seed(2)
    again = [rows(5, step, 20, 6) for step in reversed(range(9))][::-1]
    np.testing.assert_array_equal(first, again)


def test_compiled_loop_has_the_same_rows():
    @tf.function
    def loop(steps):
        return tf.map_fn(
            lambda step: batches.rows(5, step, 20, 6),
            tf.range(steps),
            fn_output_signature=tf.TensorSpec([6], tf.int32),
        )

    compiled = loop(tf.constant(9, tf.int64)).numpy()
    np.testing.assert_array_equal(compiled, [rows(5, step, 20, 6) for step in range(9)])


def test_rows_that_are_left_over_are_in_other_epochs():
    epochs = [
        np.concatenate([rows(0, 3 * epoch + i, 11, 3) for i in range(3)]) for epoch in range(20)
    ]
    for taken in epochs:
        assert len(taken) == 9
        assert len(np.unique(taken)) == 9
    assert set(np.concatenate(epochs)) == set(range(11))
    assert len({frozenset(range(11)) - set(taken) for taken in epochs}) > 1


def test_batch_of_all_rows_is_shuffled():
    orders = {tuple(rows(0, step, 8, 8)) for step in range(5)}
    assert len(orders) == 5
    assert all(sorted(order) == list(range(8)) for order in orders)


def test_keys_differ_by_seed_step_and_site():
    triples = [(s, t, i) for s in range(3) for t in (0, 1, 2, 999, 1000) for i in range(20)]
    assert len({key(*triple) for triple in triples}) == len(triples)
    assert key(1, 2, 3) == key(1, 2, 3)


def test_keys_differ_after_many_steps():
    # More than an int32 holds when it is times 1000.
    assert len({key(0, step, 0) for step in (0, 2_200_000, 5_000_000)}) == 3


def test_key_is_the_seed_of_a_stateless_operation():
    first, again, other = (
        tf.random.stateless_normal([4], batches.key(0, tf.constant(step, tf.int64), 1)).numpy()
        for step in (6, 6, 7)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)
