"""BatchBALD: batches whose labels together are most informative about the weights."""

import dataclasses
import sys
from typing import Any, Self

import numpy as np
import tensorflow as tf

from dbal_tf.bayesian.statistics import entropy

_VALUES = 2**20  # maximum probabilities in a block, 4 MB in float32


def joint_bald(probs_ktc: np.ndarray) -> float:
    """Returns the mutual information I[y_1 .. y_k; w] of a batch's labels and the weights.

    H[y_1 .. y_k] - sum_i E H[y_i | w], in nats. The result is exact: all c^k
    configurations of classes are enumerated. Labels are independent given the weights,
    so a copy of an item adds nothing only if each sample is certain of its class;
    otherwise it counts as a second, independent answer.

    Args:
        probs_ktc: Class probabilities of the batch's samples, `[k, t, c]`.

    >>> certain = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> round(joint_bald(certain), 4), round(joint_bald(np.repeat(certain, 2, axis=0)), 4)
    (0.6931, 0.6931)
    """
    probs_ktc = np.asarray(probs_ktc, np.float64)
    configurations, total = _Configurations.none(probs_ktc.shape[1], np.float64), 0.0
    nothing_to_draw = np.random.default_rng(0)
    for probs_tc in probs_ktc:
        total += float(configurations.gains(probs_tc[np.newaxis])[0])
        configurations = configurations.extended(probs_tc, sys.maxsize, nothing_to_draw)
    return total


def batchbald(
    probs_ntc: np.ndarray, k: int, seed: int, num_configurations: int = 2000
) -> np.ndarray:
    """Returns the positions of k items, chosen greedily by `joint_bald`.

    The next item is the one whose label adds most information to those of the items
    chosen before it,

        I[y; w | y_1 .. y_b] = sum_y1..yb p(y_1 .. y_b) H[y | y_1 .. y_b] - E H[y | w] .

    The sum is exact for up to `num_configurations` configurations y_1 .. y_b. If there
    are more, `num_configurations` of them are drawn from p(y_1 .. y_b) by stratified
    resampling. This is the paper's importance-sampling estimate without the term that all
    items share.

    An item's gain never grows with the batch (submodularity), so an item is not
    computed again if its earlier gain is below the best one (lazy greedy). This saves
    time and makes the same choice, up to sampling error if configurations are drawn.

    Memory is O(num_configurations t c), besides `probs_ntc`.
    Kirsch, van Amersfoort and Gal, "BatchBALD", NeurIPS 2019; Minoux, "Accelerated
    greedy algorithms", 1978.

    Args:
        probs_ntc: Class probabilities of the candidates' samples, `[n, t, c]`.
        k: Number of positions, 0 to n.
        seed: Seed for breaking ties and for drawing configurations.
        num_configurations: Maximum number of configurations of the chosen items' classes.

    Returns:
        Positions, best first, int64 `[k]`.

    Raises:
        ValueError: k is not in 0 to n, or the samples are not finite or not `[n, t, c]`.

    >>> batchbald(np.array([[[0.5, 0.5]] * 2, [[1, 0], [0, 1]]]), k=1, seed=0)
    array([1])
    """
    probs_ntc = np.asarray(probs_ntc)
    _check(probs_ntc, k)
    return _greedy(probs_ntc, k, np.random.default_rng(seed), num_configurations)


def _greedy(
    probs_ntc: np.ndarray, k: int, rng: np.random.Generator, num_configurations: int
) -> np.ndarray:
    # Ties are broken by a random order.
    order = rng.permutation(len(probs_ntc))
    configurations = _Configurations.none(probs_ntc.shape[1], probs_ntc.dtype)
    bounds = np.full(len(order), np.inf)
    chosen: list[int] = []
    for _ in range(k):
        best = _best(configurations, probs_ntc, order, bounds)
        bounds[best] = -np.inf
        chosen.append(order[best])
        if len(chosen) < k:
            configurations = configurations.extended(
                probs_ntc[chosen[-1]], num_configurations, rng
            )
    return np.array(chosen, np.int64)


def _best(
    configurations: "_Configurations",
    probs_ntc: np.ndarray,
    order: np.ndarray,
    bounds: np.ndarray,
) -> int:
    """Returns the place in `order` of the largest gain; updates the upper bounds."""
    size = configurations.block(probs_ntc.shape[2])
    places = np.argsort(-bounds, kind="stable")
    best = -np.inf
    for start in range(0, len(places), size):
        block = places[start : start + size]
        # Chosen items have a bound of -inf. An item with an equal bound may still tie.
        block = block[bounds[block] >= max(best, -_LEAST)]
        if not len(block):
            break
        bounds[block] = configurations.gains(probs_ntc[order[block]])
        best = max(best, bounds[block].max())
    return int(bounds.argmax())


_LEAST = np.finfo(np.float64).max


@dataclasses.dataclass(frozen=True, eq=False)
class _Configurations:
    """The possible labels of a batch: `m` configurations of b classes each.

    Attributes:
        weights_m: Probability of each configuration, float64; they sum to 1.
        posterior_mt: Posterior probabilities of the samples given each configuration.
    """

    weights_m: np.ndarray
    posterior_mt: np.ndarray

    @classmethod
    def none(cls, samples: int, dtype: Any) -> Self:
        """Returns the single configuration of an empty batch."""
        return cls(np.ones(1), np.full((1, samples), 1 / samples, dtype))

    def block(self, classes: int) -> int:
        """Returns the number of items whose gains are computed at once."""
        return max(1, _VALUES // (len(self.weights_m) * classes))

    def gains(self, probs_btc: np.ndarray) -> np.ndarray:
        """Returns I[y; w | configuration], averaged over configurations, float64 `[b]`."""
        size = self.block(probs_btc.shape[2])
        weights = self.weights_m.astype(self.posterior_mt.dtype)
        parts = [
            _gains(self.posterior_mt, weights, probs_btc[start : start + size]).numpy()
            for start in range(0, len(probs_btc), size)
        ]
        return np.concatenate(parts).astype(np.float64)

    def extended(
        self, probs_tc: np.ndarray, number: int, rng: np.random.Generator
    ) -> "_Configurations":
        """Returns the configurations with one more label, without impossible ones.

        Args:
            probs_tc: Class probabilities of the new item's samples.
            number: If more configurations are possible, this many are drawn with replacement.
            rng: Generator for drawing them.
        """
        probs_tc = probs_tc.astype(self.posterior_mt.dtype)
        weights = (self.weights_m[:, np.newaxis] * (self.posterior_mt @ probs_tc)).ravel()
        occur = np.flatnonzero(weights > 0)
        weights = weights[occur] / weights[occur].sum()
        if len(occur) > number:
            drawn, counts = np.unique(_drawn(weights, number, rng), return_counts=True)
            occur, weights = occur[drawn], counts / number
        # Computed only for those that are kept: there may be a thousand times as many.
        rows, classes = np.divmod(occur, probs_tc.shape[1])
        joint = self.posterior_mt[rows] * probs_tc.T[classes]
        # Normalised at each step, because products of many small probabilities underflow.
        return _Configurations(weights, joint / joint.sum(axis=1, keepdims=True))


def _drawn(weights_m: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Returns positions drawn in proportion to weights that sum to 1, int64 `[number]`."""
    # Stratified: one random point in each of `number` equal intervals. Systematic resampling
    # uses the same offset in all intervals. Weights of drawn configurations are multiples of
    # 1 / number, so with it, all of them would be extended at the same quantile.
    points = (np.arange(number) + rng.random(number)) / number
    return np.searchsorted(np.cumsum(weights_m), points).clip(max=len(weights_m) - 1)


@tf.function(reduce_retracing=True)
def _gains(posterior_mt: tf.Tensor, weights_m: tf.Tensor, probs_btc: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(probs_btc)
    columns = tf.reshape(tf.transpose(probs_btc, [1, 0, 2]), [shape[1], -1])
    given = tf.matmul(posterior_mt, columns)  # p(y | configuration)
    smallest = given.dtype.as_numpy_dtype(1e-37)
    # Like xlogy (0 log 0 = 0), in half the time; summed over the configurations first.
    terms = tf.matmul(weights_m[tf.newaxis], given * tf.math.log(tf.maximum(given, smallest)))
    conditional = -tf.reduce_sum(tf.reshape(terms, [shape[0], shape[2]]), axis=1)
    # Samples are weighted by the configurations. The weights are 1/T if all configurations are
    # kept. If some were drawn, the weights make each gain a mutual information, with far less
    # noise.
    weights_t1 = tf.matmul(posterior_mt, weights_m[:, tf.newaxis], transpose_a=True)
    return conditional - tf.matmul(entropy(probs_btc), weights_t1)[:, 0]


def _check(probs_ntc: np.ndarray, k: int) -> None:
    if probs_ntc.ndim != 3 or 0 in probs_ntc.shape[1:]:
        raise ValueError(
            f"Samples of shape {probs_ntc.shape} were given; expected probabilities [n, t, c]."
        )
    if not 0 <= k <= len(probs_ntc):
        raise ValueError(f"k={k} is outside 0 to {len(probs_ntc)}, the number of items.")
    if bad := int((~np.isfinite(probs_ntc).all(axis=(1, 2))).sum()):
        raise ValueError(f"{bad} of {len(probs_ntc)} items have samples that are not finite.")
