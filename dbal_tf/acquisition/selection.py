"""Selection of items by their scores."""

import numpy as np


def top_k(scores_n: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Returns the positions of the k highest scores, best first.

    Ties are broken at random: items with equal scores are drawn uniformly,
    regardless of their order in the pool.

    Args:
        scores_n: Finite scores, shape `[n]`.
        k: Number of positions, 0 to n.
        seed: Seed for breaking ties.

    Returns:
        Positions, int64, shape `[k]`.

    Raises:
        ValueError: k is not in 0 to n, or the scores are not one finite number
            per item.

    >>> top_k(np.array([0.1, 0.7, 0.3]), k=2, seed=0)
    array([1, 2])
    """
    scores_n = np.asarray(scores_n, np.float64)
    if scores_n.ndim != 1:
        raise ValueError(f"Scores of shape {scores_n.shape} were given; expected one per item.")
    if not 0 <= k <= len(scores_n):
        raise ValueError(f"k={k} is outside 0 to {len(scores_n)}, the number of scores.")
    # Without this check, sorting would rank NaN.
    if bad := int(np.count_nonzero(~np.isfinite(scores_n))):
        raise ValueError(f"{bad} of {len(scores_n)} scores are not finite; none can be ranked.")
    # A stable sort keeps the random order among equal scores.
    order = np.random.default_rng(seed).permutation(len(scores_n))
    return order[np.argsort(-scores_n[order], kind="stable")[:k]]


def random_subset(n: int, size: int, seed: int) -> np.ndarray:
    """Returns `size` random positions of n, ascending; all n if `size` is 0 or n."""
    if not 0 < size < n:
        return np.arange(n)
    # Ascending, so that images in files are read in order.
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))
