"""Batches that depend on the seed and the step alone, inside compiled loops."""

import tensorflow as tf


def rows(seed: int, step: tf.Tensor, count: int, size: int) -> tf.Tensor:
    """Returns the rows of a step's batch, as if all rows were shuffled each epoch.

    An epoch has `count // size` batches; what is left over is in other epochs.

    Args:
        seed: Of the order; other streams take other seeds.
        step: The number of the step, int64 scalar.
        count: How many rows there are, at least `size`.
        size: How many a batch has.

    Returns:
        Row numbers, int32 `[size]`.
    """
    # Rows beyond the last whole batch wait for an epoch whose order brings them.
    per_epoch = max(1, count // size)
    epoch, place = step // per_epoch, tf.cast(step % per_epoch, tf.int32)
    # Computed again in each step: an order that is kept would be state to restore.
    order = tf.random.experimental.stateless_shuffle(
        tf.range(count), tf.stack([tf.constant(seed, tf.int64), epoch])
    )
    return order[place * size : (place + 1) * size]


def key(seed: int, step: tf.Tensor, site: int) -> tf.Tensor:
    """Returns the seed of a stateless random operation, int64 `[2]`.

    Args:
        seed: Of the fit.
        step: The number of the step, int64 scalar.
        site: Which of the step's random operations; each has its own number.
    """
    # A thousand sites a step, so that no step's keys run into the next one's.
    return tf.stack([tf.constant(seed, tf.int64), step * 1000 + site])
