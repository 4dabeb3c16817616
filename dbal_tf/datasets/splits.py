"""The split of a data set into initial set, validation set and pool."""

from collections.abc import Sequence

import numpy as np

from dbal_tf.artifacts import Splits
from dbal_tf.core import InputError


def make_splits(
    ids: np.ndarray,
    classes: np.ndarray,
    num_classes: int,
    initial_per_class: int | Sequence[int],
    validation_size: int,
    seed: int,
    pool_size: int = 0,
    groups: np.ndarray | None = None,
    class_names: Sequence[str] = (),
) -> Splits:
    """Splits items at random into an initial set, a validation set and a pool.

    Items without a label go to the pool. Paper, section 5: 20 initial items, two
    per class, and 100 for validation.

    Args:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        num_classes: Number of classes c; every class must be present.
        initial_per_class: Number of items of each class in the initial set: one
            number for all classes, which balances the set, or one for each.
        validation_size: Number of items in the validation set, of any class; with
            groups, as many of them as whole groups allow.
        seed: Seed of the split.
        pool_size: Largest size of the pool, a random subset of the remaining
            items; 0: no limit.
        groups: Equal numbers for items that are in the validation set together or
            not at all, shape `[n]`; None: each item is alone.
        class_names: Names of the classes in messages; empty: their indices.

    Returns:
        Disjoint splits, which hold all ids unless `pool_size` leaves some out.
        Initial and validation ids are in random order, the pool in the order
        of `ids`.

    Raises:
        InputError: A class has too few labelled items, or too few items
            remain for the validation set or the pool.
    """
    wanted = np.broadcast_to(initial_per_class, num_classes)
    names = class_names or [str(index) for index in range(num_classes)]
    _check_classes(classes, wanted, isinstance(initial_per_class, int), names)
    # PCG64 by name, because NumPy may change the generator that default_rng uses.
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(np.flatnonzero(classes >= 0))
    is_initial = _is_among_first(classes[order], wanted)
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
    """Splits the items outside a given initial set, such as one that was bought.

    Args:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        initial_ids: Some of `ids`.
        validation_size: Number of items in the validation set, of any class.
        seed: Seed of the split.
        pool_size: Largest size of the pool; 0: no limit.
        groups: As for `make_splits`.

    Returns:
        Splits like those of `make_splits`, the initial ids in their given order.

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
    """Splits items of which few or none have a label, for a person to label.

    The validation set is drawn first, from all items. Of the others, those with a
    label are the initial set, which may be empty, and the rest is the pool.
    Arguments are those of `make_splits`.

    Raises:
        InputError: Too few items remain for the validation set or the pool.
    """
    groups = np.arange(len(ids)) if groups is None else groups
    rng = np.random.Generator(np.random.PCG64(seed))
    validation = draw_groups(rng.permutation(len(ids)), groups, validation_size)
    if _is_short(validation, validation_size, len(ids)):
        raise InputError(
            f"{len(validation)} images can be drawn from {len(ids)}, near copies and groups "
            f"together; expected at least --validation_size={validation_size}; lower it, add "
            "images, or give --near_copies=ignore if they are no copies."
        )
    is_free = np.ones(len(ids), bool)
    is_free[validation] = False
    initial = np.flatnonzero(is_free & (classes >= 0))
    if len(initial) and len(initial) == is_free.sum():
        raise InputError(
            f"all {len(initial)} images outside the validation and test sets have a label; "
            "expected some without one, for a person to label; use --oracle=dataset, add "
            "images, or lower --test_size or --validation_size."
        )
    pool = _pool(len(ids), np.concatenate([initial, validation]), pool_size, rng)
    return Splits(ids[initial], ids[validation], ids[pool])


def draw_groups(order: np.ndarray, groups: np.ndarray, size: int) -> np.ndarray:
    """Returns the first items of an order, whole groups only.

    Args:
        order: Positions of items, whole groups in any order.
        groups: The group of each position.
        size: Largest number of items to return. A group that does not fit is skipped.

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


def stratified_folds(
    classes: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Returns the fold of each item: parts of equal size with equal shares of each class.

    Whole groups only. Large groups are dealt out first, each to the fold that holds the
    least of its classes, so that the many groups of one item even out what is left.

    Args:
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        groups: Equal numbers for items that must be in the same fold, `[n]`.
        folds: Number of folds.
        seed: Decides which items share a fold.

    Returns:
        Numbers from 0 to `folds - 1`, int64, shape `[n]`.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(len(classes))
    _, first, inverse, sizes = np.unique(
        groups[order], return_index=True, return_inverse=True, return_counts=True
    )
    num_classes = int(classes.max(initial=-1)) + 2  # One more, for unknown classes.
    counts_gc = np.zeros((len(sizes), num_classes))
    np.add.at(counts_gc, (inverse, classes[order] + 1), 1)
    # An item counts as a fraction of its class, so that one of a rare class weighs more.
    weights_c = np.maximum(counts_gc.sum(axis=0), 1.0) ** -2
    held_fc, fold_g = np.zeros((folds, num_classes)), np.zeros(len(sizes), np.int64)
    for group in np.lexsort((first, -sizes)).tolist():
        load_f = held_fc @ (weights_c * counts_gc[group])
        # lexsort sorts by the last key first: by classes, then by size, then by number.
        fold_g[group] = np.lexsort((held_fc.sum(axis=1), load_f))[0]
        held_fc[fold_g[group]] += counts_gc[group]
    fold_n = np.empty(len(classes), np.int64)
    fold_n[order] = fold_g[inverse]
    return fold_n


def draw_counts(
    classes: np.ndarray, groups: np.ndarray, counts: Sequence[int], seed: int
) -> np.ndarray:
    """Returns the positions of given numbers of items per class, whole groups only.

    A group that does not fit is skipped, so there may be fewer items of a class.

    Args:
        classes: Class indices, int64, shape `[n]`; -1 where unknown.
        groups: Equal numbers for items that are drawn together or not at all, `[n]`.
        counts: Number of items of each class, shape `[c]`.
        seed: Decides which items are drawn.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(len(classes))
    members: dict[int, list[int]] = {}
    for row in order.tolist():
        members.setdefault(int(groups[row]), []).append(row)
    # The last number is for unknown classes, of which none is drawn.
    left, drawn = np.array([*counts, 0]), list[int]()
    for rows in members.values():
        taken = np.bincount(classes[rows] % len(left), minlength=len(left))
        if (taken <= left).all():
            left -= taken
            drawn += rows
    return np.array(drawn, np.int64)


def _split_rest(
    ids: np.ndarray,
    initial: np.ndarray,
    rest: np.ndarray,
    validation_size: int,
    pool_size: int,
    rng: np.random.Generator,
    groups: np.ndarray | None,
) -> Splits:
    """Splits the items that are not initial; `rest` are those of them with a label."""
    labelled = len(rest)
    if groups is not None:
        # Whole groups only, and none with an initial item or an item without a label.
        others = np.setdiff1d(np.arange(len(ids)), rest)
        free = rest[~np.isin(groups[rest], groups[others])]
        rest = draw_groups(free, groups, validation_size)
    if _is_short(rest, validation_size, labelled):
        can_be, advice = "", "lower it or label more"
        if labelled >= validation_size:
            can_be = (
                f", of which {len(rest)} can be drawn, as near copies and groups stay together"
            )
            advice = "lower it, add images, or give --near_copies=ignore if they are no copies"
        raise InputError(
            f"{labelled} labelled training images remain after the initial {len(initial)}"
            f"{can_be}; expected at least --validation_size={validation_size}; {advice}."
        )
    validation = rest[:validation_size]
    # The pool is drawn last, so that its size does not change the other splits.
    pool = _pool(len(ids), np.concatenate([initial, validation]), pool_size, rng)
    return Splits(ids[initial], ids[validation], ids[pool])


def _is_short(drawn: np.ndarray, wanted: int, available: int) -> bool:
    # Whole groups rarely add up to what is wanted; half of it can be used.
    return available < wanted or 2 * len(drawn) < wanted


def _check_classes(
    classes: np.ndarray, wanted: np.ndarray, is_balanced: bool, names: Sequence[str]
) -> None:
    counts = np.bincount(classes[classes >= 0], minlength=len(wanted))
    scarce = int((counts - wanted).argmin())
    if counts[scarce] < wanted[scarce]:
        flag = "--initial_per_class=" if is_balanced else "the number in --initial_counts, "
        raise InputError(
            f"class {names[scarce]} has {counts[scarce]} labelled training images; expected at "
            f"least {flag}{wanted[scarce]}; lower it or label more."
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


def _is_among_first(classes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Marks the first `counts[k]` items of each class k."""
    marks = np.zeros(len(classes), dtype=bool)
    for index, count in enumerate(counts):
        marks[np.flatnonzero(classes == index)[:count]] = True
    return marks
