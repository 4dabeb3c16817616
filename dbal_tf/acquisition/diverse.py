"""Diverse batches: uncertain items whose predictions vary in different ways.

k-means++ needs embeddings of items, with large norms where the network is uncertain.
BADGE uses gradients of the last layer. This module uses the deviations of the samples'
predictions from their mean, for all t and y, which any posterior can provide:

    e(x) = (p_t(y | x) - p(y | x)) / sqrt(T) .

Inner products of these embeddings are covariances of predictions, as in black-box batch
active learning.

Ash, Zhang, Krishnamurthy, Langford and Agarwal, "Deep Batch Active Learning by
Diverse, Uncertain Gradient Lower Bounds", ICLR 2020. Kirsch, "Black-Box Batch Active
Learning for Regression", TMLR 2023.
"""

from collections.abc import Iterable

import numpy as np

from dbal_tf.acquisition.selection import top_k
from dbal_tf.acquisition.stochastic import gumbel_noise


def diverse(
    scores_n: np.ndarray, probs_ntc: np.ndarray, ids: Iterable[str], k: int, seed: int
) -> np.ndarray:
    """Returns the positions of k uncertain and different items, best first.

    k-means++ as in BADGE: the first item is the one with the highest score. Each further
    item is drawn in proportion to the squared distance of its embedding to the nearest
    chosen one. Copies of chosen items have a distance of 0; they come last, by score.
    References are in the module's docstring.

    Args:
        scores_n: Finite scores, shape `[n]`.
        probs_ntc: Class probabilities of the posterior samples, `[n, t, c]`.
        ids: Item ids, `n` strings; an item's random numbers depend on its id.
        k: Number of positions, 0 to n.
        seed: Seed for the draws and for breaking ties.

    Returns:
        Positions, int64, shape `[k]`.

    Raises:
        ValueError: k is not in 0 to n, or scores or samples have a wrong shape or are
            not finite.

    >>> copies = np.array([[[1.0, 0], [0, 1]], [[1, 0], [0, 1]], [[0, 1], [0.4, 0.6]]])
    >>> int(diverse(np.array([0.7, 0.7, 0.1]), copies, ["a", "b", "c"], 2, seed=0)[1])
    2
    """
    ids = list(ids)
    ranking, flat = _checked(scores_n, np.asarray(probs_ntc), k, seed)
    chosen: list[int] = [*ranking[:1]][:k]
    nearest = np.full(len(ranking), np.inf)
    while len(chosen) < k:
        # From differences, so that the distance between copies is exactly 0.
        nearest = np.minimum(nearest, np.square(flat - flat[chosen[-1]]).sum(axis=1))
        nearest[chosen] = 0
        if not nearest.any():
            left = ranking[~np.isin(ranking, chosen)]
            return np.array([*chosen, *left[: k - len(chosen)]], np.int64)
        # The argmax of log d + Gumbel noise is a draw in proportion to d.
        with np.errstate(divide="ignore"):
            drawn = np.log(nearest) + gumbel_noise(ids, seed, draw=len(chosen))
        chosen.append(int(drawn.argmax()))
    return np.array(chosen, np.int64)


def _checked(
    scores_n: np.ndarray, probs_ntc: np.ndarray, k: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the positions ranked by score, and the embeddings, `[n, t * c]`."""
    ranking = top_k(scores_n, len(np.asarray(scores_n)), seed)
    if not 0 <= k <= len(ranking):
        raise ValueError(f"k={k} is outside 0 to {len(ranking)}, the number of scores.")
    if probs_ntc.shape[:1] != ranking.shape or not np.isfinite(probs_ntc).all():
        raise ValueError(
            f"Samples of shape {probs_ntc.shape} were given for {len(ranking)} scores; "
            "expected finite probabilities [n, t, c]."
        )
    deviations = probs_ntc - probs_ntc.mean(axis=1, keepdims=True)
    return ranking, deviations.reshape(len(ranking), -1) / np.sqrt(probs_ntc.shape[1])
