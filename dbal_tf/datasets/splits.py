"""Who learns from what: the initial set, the validation set and the pool."""

import numpy as np

from dbal_tf.artifacts import Splits
from dbal_tf.core import InputError


def make_splits(
    ids: np.ndarray,
    classes: np.ndarray,
    num_classes: int,
    initial_per_class: int,
    validation_size: int,
    seed: int,
    pool_size: int = 0,
) -> Splits:
    """Splits items at random into a balanced initial set, validation and pool.

    Items without a label can only go to the pool. Paper, section 5: 20
    initial items, two per class, and 100 for validation.

    Args:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 where not known.
        num_classes: Number of classes c; every class must be present.
        initial_per_class: Items of each class in the initial set.
        validation_size: Items in the validation set, of whatever class.
        seed: The same seed and items give the same splits.
        pool_size: How many of the rest are the pool, at most; 0: all.

    Returns:
        Disjoint splits, which without a `pool_size` hold all ids: the initial
        and validation ids in random order, the pool in the order of `ids`.

    Raises:
        InputError: A class has too few labelled items, or too few items
            remain for the validation set or the pool.
    """
    counts = np.bincount(classes[classes >= 0], minlength=num_classes)
    if counts.min() < initial_per_class:
        raise InputError(
            f"class {counts.argmin()} has {counts.min()} labelled training images; expected "
            f"at least --initial_per_class={initial_per_class}; lower it or label more."
        )
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(np.flatnonzero(classes >= 0))
    is_initial = _is_among_first(classes[order], num_classes, initial_per_class)
    initial, rest = order[is_initial], order[~is_initial]
    if len(rest) < validation_size:
        raise InputError(
            f"{len(rest)} labelled training images remain after the initial {len(initial)}; "
            f"expected at least --validation_size={validation_size}; lower it or label more."
        )
    validation = rest[:validation_size]
    in_pool = np.ones(len(ids), dtype=bool)
    in_pool[initial] = in_pool[validation] = False
    if not in_pool.any():
        raise InputError(
            f"the initial and validation sets take all {len(ids)} training images; expected "
            "at least one more for the pool; lower --initial_per_class or --validation_size."
        )
    pool = np.flatnonzero(in_pool)
    if 0 < pool_size < len(pool):
        pool = np.sort(rng.choice(pool, pool_size, replace=False))
    return Splits(ids[initial], ids[validation], ids[pool])


def _is_among_first(classes: np.ndarray, num_classes: int, count: int) -> np.ndarray:
    """Marks the first `count` items of each class."""
    marks = np.zeros(len(classes), dtype=bool)
    for index in range(num_classes):
        marks[np.flatnonzero(classes == index)[:count]] = True
    return marks
