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
    groups: np.ndarray | None = None,
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
        groups: Equal numbers for items of which the validation set has all or
            none, shape `[n]`; None: each item is alone.

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
    return _split_rest(ids, initial, rest, validation_size, pool_size, rng, groups)


def split_around(
    ids: np.ndarray,
    classes: np.ndarray,
    initial_ids: np.ndarray,
    validation_size: int,
    seed: int,
    pool_size: int = 0,
    groups: np.ndarray | None = None,
) -> Splits:
    """Splits the items that a given initial set leaves, such as one that was bought.

    Args:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        initial_ids: Some of `ids`.
        validation_size: Number of items in the validation set, of any class.
        seed: Seed of the split.
        pool_size: Largest size of the pool; 0: no limit.
        groups: As for `make_splits`.

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
    return _split_rest(ids, initial, rest, validation_size, pool_size, rng, groups)


def split_unlabelled(
    ids: np.ndarray,
    classes: np.ndarray,
    validation_size: int,
    seed: int,
    pool_size: int = 0,
    groups: np.ndarray | None = None,
) -> Splits:
    """Splits items of which few or none have a label, which a person will give.

    The validation set is drawn first, from all items. Of the others, those with a
    label are the initial set, which may be empty, and the rest is the pool.
    Arguments are those of `make_splits`.

    Raises:
        InputError: Too few items remain for the validation set or the pool.
    """
    groups = np.arange(len(ids)) if groups is None else groups
    rng = np.random.Generator(np.random.PCG64(seed))
    validation = draw_groups(rng.permutation(len(ids)), groups, validation_size)
    if len(validation) < validation_size:
        raise InputError(
            f"{len(validation)} images can be drawn from {len(ids)}, near copies together; "
            f"expected at least --validation_size={validation_size}; lower it or add images."
        )
    is_free = np.ones(len(ids), bool)
    is_free[validation] = False
    initial = np.flatnonzero(is_free & (classes >= 0))
    pool = _pool(len(ids), np.concatenate([initial, validation]), pool_size, rng)
    return Splits(ids[initial], ids[validation], ids[pool])


def draw_groups(order: np.ndarray, groups: np.ndarray, size: int) -> np.ndarray:
    """Returns the first items of an order, whole groups only.

    Args:
        order: Positions of items, whole groups in any order.
        groups: The group of each position.
        size: Most items to return. A group that does not fit is passed over.

    Returns:
        Positions, group by group, in the order of the groups' first items.
    """
    _, first, inverse, counts = np.unique(
        groups[order], return_index=True, return_inverse=True, return_counts=True
    )
    taken, left = np.zeros(len(first), bool), size
    for group in np.argsort(first).tolist():
        if counts[group] <= left:
            taken[group] = True
            left -= counts[group]
    is_taken = taken[inverse]
    return order[is_taken][np.argsort(first[inverse[is_taken]], kind="stable")]


def _split_rest(
    ids: np.ndarray,
    initial: np.ndarray,
    rest: np.ndarray,
    validation_size: int,
    pool_size: int,
    rng: np.random.Generator,
    groups: np.ndarray | None,
) -> Splits:
    """Splits the items beside the initial ones; `rest`: those of them with a label."""
    if groups is not None:
        # Whole groups only: none that has an initial item, or one without a label.
        others = np.setdiff1d(np.arange(len(ids)), rest)
        free = rest[~np.isin(groups[rest], groups[others])]
        rest = draw_groups(free, groups, validation_size)
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
