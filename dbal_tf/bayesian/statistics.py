"""Statistics of T posterior samples, from which acquisition functions are computed.

Probabilities arrive in tiles of a few samples and are summed as deviations from the
first sample. Memory is O(n c) for any T, the variance does not suffer from
cancellation, and equal samples have a variance of exactly 0.
"""

from typing import NamedTuple

import tensorflow as tf

from dbal_tf.core import InputError

_TOLERANCE = 1e-2  # for sums of probabilities, which may be float16


class PredictiveStatistics(NamedTuple):
    """Statistics of `n` items with `c` classes over `t` posterior samples.

    All tensors have the dtype of the probabilities.

    Attributes:
        mean_probs: Posterior predictive probabilities (1/T) sum_t p, `[n, c]`.
        var_probs: Variance of the probabilities over the samples, `[n, c]`.
        expected_entropy: (1/T) sum_t H[p_t] in nats, `[n]`.
        votes: Share of the samples that predict the class, `[n, c]`.
    """

    mean_probs: tf.Tensor
    var_probs: tf.Tensor
    expected_entropy: tf.Tensor
    votes: tf.Tensor

    @classmethod
    def from_probs(cls, probs_ntc: tf.Tensor) -> "PredictiveStatistics":
        """Returns the statistics of given posterior samples.

        Args:
            probs_ntc: Class probabilities, shape `[n, t, c]`, t >= 1. Results are
                float64 if these are, else float32.

        Raises:
            InputError: `probs_ntc` are not probabilities of this shape.

        >>> stats = PredictiveStatistics.from_probs([[[1.0, 0.0], [0.0, 1.0]]])
        >>> stats.mean_probs.numpy(), stats.expected_entropy.numpy()
        (array([[0.5, 0.5]], dtype=float32), array([0.], dtype=float32))
        """
        probs_ntc = tf.convert_to_tensor(probs_ntc)
        if probs_ntc.dtype != tf.float64:
            probs_ntc = tf.cast(probs_ntc, tf.float32)
        _check(probs_ntc)
        return Sums.from_probs(tf.transpose(probs_ntc, [1, 0, 2])).statistics()


def _check(probs_ntc: tf.Tensor) -> None:
    if probs_ntc.shape.rank != 3 or 0 in probs_ntc.shape[1:]:
        raise InputError(
            f"Samples of shape {tuple(probs_ntc.shape)} were given; expected probabilities of "
            "items, samples and classes, [n, t, c]."
        )
    # Values are known only in eager mode.
    if tf.executing_eagerly():
        away = tf.abs(tf.reduce_sum(probs_ntc, axis=-1) - 1)
        is_good = (away < _TOLERANCE) & (tf.reduce_min(probs_ntc, axis=-1) >= 0)
        if bad := int(tf.size(is_good) - tf.math.count_nonzero(is_good, dtype=tf.int32)):
            raise InputError(
                f"{bad} of {tf.size(is_good)} samples are not class probabilities; expected "
                "numbers from 0 on that sum to 1; apply a softmax to logits."
            )


def entropy(probs: tf.Tensor) -> tf.Tensor:
    """Returns the entropy H[p] = -sum_c p log p over the last axis, in nats; 0 log 0 = 0."""
    return -tf.reduce_sum(tf.math.xlogy(probs, probs), axis=-1)


class Sums(NamedTuple):
    """Running sums over samples, mostly of deviations from the first sample.

    Attributes:
        count: Number of samples so far, scalar.
        first_probs: Probabilities of the first sample, `[n, c]`.
        first_entropy: Entropy of the first sample, `[n]`.
        probs: Sum of p - first, `[n, c]`.
        squares: Sum of (p - first)^2, `[n, c]`.
        entropies: Sum of H[p] - H[first], `[n]`.
        votes: Number of samples that predict the class, `[n, c]`.
    """

    count: tf.Tensor
    first_probs: tf.Tensor
    first_entropy: tf.Tensor
    probs: tf.Tensor
    squares: tf.Tensor
    entropies: tf.Tensor
    votes: tf.Tensor

    @classmethod
    def from_probs(cls, probs_tnc: tf.Tensor) -> "Sums":
        """Returns the sums of a first tile of samples, `[t, n, c]`."""
        first = probs_tnc[0]
        count, zeros_nc = tf.zeros([], first.dtype), tf.zeros_like(first)
        zeros_n = zeros_nc[:, 0]
        none = cls(count, first, entropy(first), zeros_nc, zeros_nc, zeros_n, zeros_nc)
        return none.plus(probs_tnc)

    def plus(self, probs_tnc: tf.Tensor) -> "Sums":
        """Returns the sums with another tile of samples added, `[t, n, c]`."""
        deviations = probs_tnc - self.first_probs
        votes = tf.one_hot(
            tf.argmax(probs_tnc, axis=-1), probs_tnc.shape[-1], dtype=probs_tnc.dtype
        )
        return Sums(
            self.count + tf.cast(tf.shape(probs_tnc)[0], probs_tnc.dtype),
            self.first_probs,
            self.first_entropy,
            self.probs + tf.reduce_sum(deviations, axis=0),
            self.squares + tf.reduce_sum(tf.square(deviations), axis=0),
            self.entropies + tf.reduce_sum(entropy(probs_tnc) - self.first_entropy, axis=0),
            self.votes + tf.reduce_sum(votes, axis=0),
        )

    def statistics(self) -> PredictiveStatistics:
        """Returns the statistics of all samples so far."""
        shift = self.probs / self.count
        # Rounding may make a variance slightly negative, and its root would be NaN.
        return PredictiveStatistics(
            mean_probs=self.first_probs + shift,
            var_probs=tf.maximum(self.squares / self.count - tf.square(shift), 0),
            expected_entropy=self.first_entropy + self.entropies / self.count,
            votes=self.votes / self.count,
        )
