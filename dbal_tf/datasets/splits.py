"""The split of a data set into initial set, validation set and pool."""

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
    """Splits items at random into a balanced initial set, a validation set and a pool.

    Items without a label go to the pool. Paper, section 5: 20 initial items, two
    per class, and 100 for validation.

    Args:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        num_classes: Number of classes c; every class must be present.
        initial_per_class: Number of items of each class in the initial set.
        validation_size: Number of items in the validation set, of any class.
        seed: Seed of the split.
        pool_size: Largest size of the pool, a random subset of the remaining
            items; 0: no limit.

    Returns:
        Disjoint splits, which hold all ids unless `pool_size` leaves some out.
        Initial and validation ids are in random order, the pool in the order
        of `ids`.

    Raises:
        InputError: A class has too few labelled items, or too few items
            remain for the validation set or the pool.
    """
    _check_classes(classes, num_classes, initial_per_class)
    # PCG64 by name, because NumPy may change the generator that default_rng uses.
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(np.flatnonzero(classes >= 0))
    is_initial = _is_among_first(classes[order], num_classes, initial_per_class)
    initial, rest = order[is_initial], order[~is_initial]
    return _split_rest(ids, initial, rest, validation_size, pool_size, rng)


def split_around(
    ids: np.ndarray,
    classes: np.ndarray,
    initial_ids: np.ndarray,
    validation_size: int,
    seed: int,
    pool_size: int = 0,
) -> Splits:
    """Splits the items that a given initial set leaves, such as one that was bought.

    Args:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        initial_ids: Some of `ids`.
        validation_size: Number of items in the validation set, of any class.
        seed: Seed of the split.
        pool_size: Largest size of the pool; 0: no limit.

    Returns:
        Splits as those of `make_splits`, the initial ids in their given order.

    Raises:
        InputError: Too few items remain for the validation set or the pool.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(np.flatnonzero(classes >= 0))
    by_id = np.argsort(ids, kind="stable")
    initial = by_id[np.searchsorted(ids, initial_ids, sorter=by_id)]
    rest = order[~np.isin(order, initial)]
    return _split_rest(ids, initial, rest, validation_size, pool_size, rng)


def _split_rest(
    ids: np.ndarray,
    initial: np.ndarray,
    rest: np.ndarray,
    validation_size: int,
    pool_size: int,
    rng: np.random.Generator,
) -> Splits:
    """Splits the items beside the initial ones; `rest`: those of them with a label."""
    if len(rest) < validation_size:
        raise InputError(
            f"{len(rest)} labelled training images remain after the initial {len(initial)}; "
            f"expected at least --validation_size={validation_size}; lower it or label more."
        )
    validation = rest[:validation_size]
    # The pool is drawn last, so that its size does not change the other splits.
    pool = _pool(len(ids), np.concatenate([initial, validation]), pool_size, rng)
    return Splits(ids[initial], ids[validation], ids[pool])


def _check_classes(classes: np.ndarray, num_classes: int, initial_per_class: int) -> None:
    counts = np.bincount(classes[classes >= 0], minlength=num_classes)
    if counts.min() < initial_per_class:
        raise InputError(
            f"class {counts.argmin()} has {counts.min()} labelled training images; expected "
            f"at least --initial_per_class={initial_per_class}; lower it or label more."
        )


def _pool(n: int, taken: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the positions that are not taken, or `size` of them at random."""
    rest = np.setdiff1d(np.arange(n), taken)
    if not len(rest):
        raise InputError(
            f"the initial and validation sets take all {n} training images; expected "
            "at least one more for the pool; lower --initial_per_class or --validation_size."
        )
    if 0 < size < len(rest):
        rest = np.sort(rng.choice(rest, size, replace=False))
    return rest


def _is_among_first(classes: np.ndarray, num_classes: int, count: int) -> np.ndarray:
    """Marks the first `count` items of each class."""
    marks = np.zeros(len(classes), dtype=bool)
    for index in range(num_classes):
        marks[np.flatnonzero(classes == index)[:count]] = True
    return marks
