"""Stochastic batches: the best items after random perturbation of the scores."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import scipy.stats


def gumbel_noise(ids: Iterable[str], seed: int, draw: int = 0) -> np.ndarray:
    """Returns a standard Gumbel number for each item, determined by its id.

    The number is -log(-log u), with u from a hash of seed, draw and id. It does not
    depend on the other items, their order, the machine or the process.

    Args:
        ids: Item ids, `n` strings.
        seed: Seed, an int from 0 to 2**64 - 1.
        draw: Number of the draw; draws under one seed are independent.

    Returns:
        Standard Gumbel numbers, float64 `[n]`.

    >>> gumbel_noise(["a", "b"], seed=0).round(3)
    array([-0.316,  0.417])
    """
    salt = seed.to_bytes(8, "big") + draw.to_bytes(8, "big")
    digests = [hashlib.blake2b(f"{one}".encode(), digest_size=8, salt=salt) for one in ids]
    bits = np.frombuffer(b"".join([digest.digest() for digest in digests]), ">u8")
    # 53 bits, as many as a float64 holds; adding 0.5 keeps u above 0 and below 1.
    uniform = ((bits >> 11) + 0.5) * 2.0**-53
    return -np.log(-np.log(uniform))


def stochastic(
    scores_n: np.ndarray,
    ids: Iterable[str],
    k: int,
    seed: int,
    kind: str = "power",
    temperature: float = 1.0,
) -> np.ndarray:
    """Returns the positions of the k highest perturbed scores, best first.

    For batches, it is an alternative to `top_k`, whose items are often similar. With r
    the rank of an item, from 1, and G Gumbel noise, the perturbed scores are

        power     log score + temperature G
        softmax   score + temperature G
        softrank  -log r + temperature G

    This draws without replacement in proportion to score^(1/temperature),
    exp(score / temperature) and r^(-1/temperature). With temperature 0 all three are
    equivalent to `top_k`. With `power`, items of score 0 come last. Kirsch, Farquhar,
    Atighehchian, Jesson, Branchaud-Charron and Gal, "Stochastic Batch Acquisition",
    TMLR 2023 (first 2021).

    Args:
        scores_n: Finite scores, shape `[n]`; for `power`, none below 0.
        ids: Item ids, `n` strings; an item's noise depends on its id.
        k: Number of positions, 0 to n.
        seed: Seed of the noise.
        kind: `"power"`, `"softmax"` or `"softrank"`.
        temperature: Scale of the noise, at least 0; the paper's coldness is
            1 / temperature.

    Returns:
        Positions, int64, shape `[k]`.

    Raises:
        ValueError: k is not in 0 to n, the scores are not one finite number per
            id, a score is negative with `power`, or the kind is unknown.

    >>> stochastic(np.array([0.1, 0.7, 0.3]), ["a", "b", "c"], k=2, seed=0, temperature=0)
    array([1, 2])
    """
    scores_n = np.asarray(scores_n, np.float64)
    noise = gumbel_noise(ids, seed)
    _check(scores_n, noise, k, kind)
    perturbed = _KINDS[kind](scores_n) + temperature * noise
    # Scores of 0 all have the logarithm -inf; among them, the noise decides.
    return np.lexsort((-noise, -perturbed))[:k]


def _log(scores_n: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(scores_n)


def _minus_log_rank(scores_n: np.ndarray) -> np.ndarray:
    # Equal scores share the best of their ranks, whatever their order in the pool.
    return -np.log(scipy.stats.rankdata(-scores_n, method="min"))


_KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "power": _log,
    "softmax": np.asarray,
    "softrank": _minus_log_rank,
}


def _check(scores_n: np.ndarray, noise: np.ndarray, k: int, kind: str) -> None:
    if kind not in _KINDS:
        raise ValueError(f"kind={kind!r} was given; expected one of {', '.join(_KINDS)}.")
    if scores_n.shape != noise.shape:
        raise ValueError(
            f"Scores of shape {scores_n.shape} were given for {len(noise)} ids; expected one "
            "per id."
        )
    if not 0 <= k <= len(scores_n):
        raise ValueError(f"k={k} is outside 0 to {len(scores_n)}, the number of scores.")
    if bad := int(np.count_nonzero(~np.isfinite(scores_n))):
        raise ValueError(f"{bad} of {len(scores_n)} scores are not finite; none can be ranked.")
    if kind == "power" and (scores_n < 0).any():
        raise ValueError(
            f"A score is {scores_n.min():.4g}; power needs scores from 0 on; use softmax."
        )
