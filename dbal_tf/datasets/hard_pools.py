"""Pools that are harder than the data set's own: with rare classes, or with repeated images."""

from collections.abc import Sequence

import numpy as np

from dbal_tf.artifacts import Examples, Labels, Splits
from dbal_tf.datasets.splits import draw_counts

_BLOCK = 4096  # images; their noise takes eight bytes per pixel.


def of_counts(splits: Splits, hidden: Labels, counts: Sequence[int], seed: int) -> Splits:
    """Returns splits whose pool holds given numbers of items of each class.

    Args:
        splits: The splits.
        hidden: The classes of all training items.
        counts: Number of items of each class in the pool, shape `[c]`; if the pool has
            fewer, it keeps them all.
        seed: Decides which items are kept.
    """
    ids = splits.pool_ids
    rows = draw_counts(hidden.select(ids).classes, np.arange(len(ids)), counts, seed)
    return Splits(splits.initial_ids, splits.validation_ids, ids[np.sort(rows)])


def repeat(
    train: Examples, splits: Splits, hidden: Labels, copies: int, noise: float, seed: int
) -> tuple[Examples, Splits, Labels]:
    """Repeats each image of the pool, and adds other Gaussian noise to each copy.

    Repeated MNIST: Kirsch, van Amersfoort and Gal, "BatchBALD", NeurIPS 2019, section 4.1.
    The other splits stay as they are.

    Args:
        train: All training items.
        splits: Their splits.
        hidden: Their classes.
        copies: How often each image occurs in the pool.
        noise: Standard deviation of the noise, as a fraction of the range of pixel values.
        seed: Seed of the noise.

    Returns:
        Training items, splits and classes. The image `a` is replaced by copies with the
        ids `a#1`, `a#2` and so on, next to each other in the pool.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    pool = train.select(splits.pool_ids)
    numbers = [f"#{number}" for number in range(1, copies + 1)]
    ids = np.array([f"{one}{number}" for one in pool.ids for number in numbers], np.str_)
    images = np.repeat(pool.images, copies, axis=0)
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        noisy = block + rng.normal(0.0, 255.0 * noise, block.shape)
        images[start : start + _BLOCK] = np.clip(np.rint(noisy), 0, 255)
    others = train.select(np.setdiff1d(train.ids, splits.pool_ids))
    classes = [hidden.select(one).classes for one in (others.ids, pool.ids)]
    all_ids = np.concatenate([others.ids, ids])
    return (
        Examples(all_ids, np.concatenate([others.images, images])),
        Splits(splits.initial_ids, splits.validation_ids, ids),
        Labels(all_ids, np.concatenate([classes[0], np.repeat(classes[1], copies)])),
    )
