"""Batches that depend only on seed and step, for compiled loops."""

import tensorflow as tf


def rows(seed: int, step: tf.Tensor, count: int, size: int) -> tf.Tensor:
    """Returns the rows of a step's batch; all rows are shuffled in each epoch.

    An epoch has `count // size` full batches; the remaining rows are left out of it.

    Args:
        seed: Seed of the order; other streams need other seeds.
        step: Index of the training step, int64 scalar.
        count: Number of rows, at least `size`.
        size: Batch size.

    Returns:
        Row numbers, int32 `[size]`.
    """
    per_epoch = max(1, count // size)
    epoch, place = step // per_epoch, tf.cast(step % per_epoch, tf.int32)
    # Computed again in each step: a stored order would be state that has to be restored.
    order = tf.random.experimental.stateless_shuffle(
        tf.range(count), tf.stack([tf.constant(seed, tf.int64), epoch])
    )
    return order[place * size : (place + 1) * size]


def key(seed: int, step: tf.Tensor, site: int) -> tf.Tensor:
    """Returns the seed of a stateless random operation, int64 `[2]`.

    Args:
        seed: Seed of the fit.
        step: Index of the training step, int64 scalar.
        site: Index of the random operation within the step, below 1000.
    """
    # 1000 sites per step, so that the keys of different steps do not overlap.
    return tf.stack([tf.constant(seed, tf.int64), step * 1000 + site])
