"""EPIG: the information that an item's label gives about predictions of interest."""

import numpy as np
import tensorflow as tf

from dbal_tf.bayesian.statistics import entropy

_VALUES = 2**21  # maximum joint probabilities in a block, 8 MB in float32


def epig(
    probs_ntc: np.ndarray, targets_mtc: np.ndarray, own_n: np.ndarray | None = None
) -> np.ndarray:
    """Returns the expected predictive information gain, E_x*[ I[y; y* | x, x*] ].

    BALD measures all information that a label gives about the weights. EPIG measures
    only the information about the labels y* of target inputs x*. In a pool with outliers
    or many irrelevant classes, BALD queries items that no prediction needs. With T samples,

        p(y, y*) = (1/T) sum_t p_t(y | x) p_t(y* | x*)
        EPIG(x) = (1/m) sum_x* KL( p(y, y*) || p(y) p(y*) ) .

    Scores are in nats, in [0, bald] up to rounding, and exactly 0 if all samples of the
    item are equal. Besides the arguments and the result, memory is bounded.
    Bickford Smith, Kirsch, Farquhar, Gal, Foster and Rainforth,
    "Prediction-Oriented Bayesian Active Learning", AISTATS 2023.

    Args:
        probs_ntc: Class probabilities of the items' samples, `[n, t, c]`.
        targets_mtc: Class probabilities of the target inputs under the same samples,
            `[m, t, d]`.
        own_n: Position of an item among the targets, int `[n]`; -1: it is no target. An
            item is not its own target: once its label is known, there is nothing left
            to predict.

    Returns:
        Scores, shape `[n]`, float64 if both arguments are, else float32.

    Raises:
        ValueError: The shapes do not match.

    >>> halves = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> epig(halves, halves)
    array([0.69314718])
    """
    probs_ntc, targets_mtc = np.asarray(probs_ntc), np.asarray(targets_mtc)
    _check(probs_ntc, targets_mtc)
    values = _scores(probs_ntc, targets_mtc)
    if own_n is not None:
        for item in np.flatnonzero(own_n >= 0):
            others_mtc = np.delete(targets_mtc, own_n[item], axis=0)
            values[item] = _scores(probs_ntc[[item]], others_mtc)[0] if len(others_mtc) else 0
    return values


def _scores(probs_ntc: np.ndarray, targets_mtc: np.ndarray) -> np.ndarray:
    """Returns the mean mutual information with all targets, `[n]`."""
    same = probs_ntc.dtype == targets_mtc.dtype == np.float64
    dtype = tf.float64 if same else tf.float32
    classes, samples = probs_ntc.shape[2], targets_mtc.shape[1]
    targets = tf.cast(targets_mtc, dtype)
    target_entropy = tf.reduce_mean(entropy(tf.reduce_mean(targets, axis=1)))
    # One column for each target and class.
    targets_ts = tf.reshape(tf.transpose(targets, [1, 0, 2]), [samples, -1])
    step = max(1, _VALUES // (classes * targets_ts.shape[1]))
    number = tf.cast(len(targets_mtc), dtype)
    scores = [
        _block(tf.cast(probs_ntc[start : start + step], dtype), targets_ts, number)
        + target_entropy
        for start in range(0, len(probs_ntc), step)
    ]
    is_equal = (probs_ntc == probs_ntc[:, :1]).all(axis=(1, 2))
    # KL is not negative, but a difference of rounded entropies may be.
    return np.where(is_equal, 0, np.maximum(np.concatenate(scores), 0))


@tf.function(reduce_retracing=True)
def _block(probs_btc: tf.Tensor, targets_ts: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Returns H[y] - H[y, y*], averaged over the targets, `[b]`."""
    shape = tf.shape(probs_btc)
    rows = tf.reshape(tf.transpose(probs_btc, [0, 2, 1]), [-1, shape[1]])
    joint = tf.matmul(rows, targets_ts) / tf.cast(shape[1], probs_btc.dtype)
    # Like xlogy (0 log 0 = 0), in half the time.
    terms = joint * tf.math.log(tf.maximum(joint, probs_btc.dtype.as_numpy_dtype(1e-37)))
    joint_entropy = -tf.reduce_sum(tf.reshape(terms, [shape[0], -1]), axis=1) / number
    return entropy(tf.reduce_mean(probs_btc, axis=1)) - joint_entropy


def _check(probs_ntc: np.ndarray, targets_mtc: np.ndarray) -> None:
    shapes = probs_ntc.shape, targets_mtc.shape
    if probs_ntc.ndim != 3 or targets_mtc.ndim != 3 or 0 in (*shapes[0][1:], *shapes[1]):
        raise ValueError(
            f"Samples of shapes {shapes[0]} and {shapes[1]} were given; expected [n, t, c] and "
            "[m, t, d], with at least one target."
        )
    if shapes[0][1] != shapes[1][1]:
        raise ValueError(
            f"Items have {shapes[0][1]} samples and targets {shapes[1][1]}; expected the same "
            "samples of the weights for both."
        )
