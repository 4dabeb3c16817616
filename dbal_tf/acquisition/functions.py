"""The paper's acquisition functions: scores of items from their statistics.

Each is a pure function of `PredictiveStatistics` that uses only TensorFlow operations,
so it can be compiled, run on any device and exported. Scores have shape `[n]` and are
not negative; entropies are in nats. The higher the score, the more informative the
label is expected to be.

Gal, Islam and Ghahramani, "Deep Bayesian Active Learning with Image Data",
ICML 2017, section 4.
"""

import tensorflow as tf

from dbal_tf.bayesian.statistics import PredictiveStatistics, entropy


def max_entropy(statistics: PredictiveStatistics) -> tf.Tensor:
    """Returns the predictive entropy H[y | x] = -sum_c p log p of the mean probabilities.

    It is high where the prediction is uncertain for any reason: noisy labels or too
    little data. In [0, log c]. Shannon, 1948.

    >>> max_entropy(PredictiveStatistics.from_probs([[[0.5, 0.5]]])).numpy()
    array([0.6931472], dtype=float32)
    """
    return entropy(statistics.mean_probs)


def bald(statistics: PredictiveStatistics) -> tf.Tensor:
    """Returns the mutual information I[y, w | x] = H[E p] - E H[p] of label and weights.

    It is high where posterior samples disagree although each is confident. In
    [0, max_entropy], and exactly 0 if all samples are equal.
    Houlsby, Huszar, Ghahramani and Lengyel, 2011.

    >>> bald(PredictiveStatistics.from_probs([[[1.0, 0.0], [0.0, 1.0]]])).numpy()
    array([0.6931472], dtype=float32)
    """
    information = entropy(statistics.mean_probs) - statistics.expected_entropy
    # The difference of two rounded entropies is not exactly 0 for equal samples, and rounding
    # would then break ties. NaN counts as unequal, so it propagates.
    disagree = tf.reduce_any(tf.not_equal(statistics.var_probs, 0), axis=-1)
    return tf.where(disagree, tf.maximum(information, 0), 0)


def var_ratios(statistics: PredictiveStatistics) -> tf.Tensor:
    """Returns the variation ratio 1 - max_c p of the mean probabilities.

    This is the paper's equation: the uncertainty of the predicted class. In
    [0, 1 - 1/c]. Freeman, 1965.

    >>> var_ratios(PredictiveStatistics.from_probs([[[0.75, 0.25]]])).numpy()
    array([0.25], dtype=float32)
    """
    return 1 - tf.reduce_max(statistics.mean_probs, axis=-1)


def var_ratios_votes(statistics: PredictiveStatistics) -> tf.Tensor:
    """Returns 1 - the share of the modal class among the samples' predictions.

    This is the variation ratio as the authors' code computes it. In [0, 1 - 1/c]; with
    one sample, 0 for all items.

    >>> probs = [[[0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.4, 0.6]]]
    >>> var_ratios_votes(PredictiveStatistics.from_probs(probs)).numpy()
    array([0.25], dtype=float32)
    """
    return 1 - tf.reduce_max(statistics.votes, axis=-1)


def mean_std(statistics: PredictiveStatistics) -> tf.Tensor:
    """Returns the standard deviation of the class probabilities, averaged over classes.

    (1/c) sum_c sqrt(E[p_c^2] - E[p_c]^2), expectations over samples. In [0, 1/2].
    Kampffmeyer, Salberg and Jenssen, 2016; Kendall et al., 2015.

    >>> mean_std(PredictiveStatistics.from_probs([[[1.0, 0.0], [0.0, 1.0]]])).numpy()
    array([0.5], dtype=float32)
    """
    return tf.reduce_mean(tf.sqrt(statistics.var_probs), axis=-1)


def random(statistics: PredictiveStatistics) -> tf.Tensor:
    """Returns zeros: equal scores, so that `top_k` draws uniformly without replacement.

    This is the random baseline.
    """
    return tf.zeros_like(statistics.expected_entropy)
