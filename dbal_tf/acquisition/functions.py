"""The paper's acquisition functions: scores of items from their statistics.

Each is a pure function of `PredictiveStatistics`, made of TensorFlow
operations, so that it can be compiled, run on any device and exported. Scores
have shape `[n]`, are in nats where they are entropies, and are never
negative; higher means that the label would teach more.

Gal, Islam and Ghahramani, "Deep Bayesian Active Learning with Image Data",
ICML 2017, section 4.
"""

import tensorflow as tf

from dbal_tf.bayesian.statistics import PredictiveStatistics, entropy


def max_entropy(statistics: PredictiveStatistics) -> tf.Tensor:
    """Predictive entropy H[y | x] = -sum_c p log p of the mean probabilities.

    High where the model is unsure, for whatever reason. In [0, log c].
    Shannon, 1948.

    >>> max_entropy(PredictiveStatistics.from_probs([[[0.5, 0.5]]])).numpy()
    array([0.6931472], dtype=float32)
    """
    return entropy(statistics.mean_probs)


def bald(statistics: PredictiveStatistics) -> tf.Tensor:
    """Mutual information I[y, w | x] = H[E p] - E H[p] of label and weights.

    High where samples of the model disagree though each is sure. In
    [0, max_entropy]; exactly 0 where all samples are equal, which a
    difference of rounded entropies would miss.
    Houlsby, Huszar, Ghahramani and Lengyel, 2011.

    >>> bald(PredictiveStatistics.from_probs([[[1.0, 0.0], [0.0, 1.0]]])).numpy()
    array([0.6931472], dtype=float32)
    """
    information = entropy(statistics.mean_probs) - statistics.expected_entropy
    disagree = tf.reduce_any(tf.not_equal(statistics.var_probs, 0), axis=-1)  # NaN too
    return tf.where(disagree, tf.maximum(information, 0), 0)


def var_ratios(statistics: PredictiveStatistics) -> tf.Tensor:
    """Variation ratio 1 - max_c p of the mean probabilities, as in the paper.

    In [0, 1 - 1/c]. Freeman, 1965.

    >>> var_ratios(PredictiveStatistics.from_probs([[[0.75, 0.25]]])).numpy()
    array([0.25], dtype=float32)
    """
    return 1 - tf.reduce_max(statistics.mean_probs, axis=-1)


def var_ratios_votes(statistics: PredictiveStatistics) -> tf.Tensor:
    """Variation ratio 1 - share of the modal class among the samples' votes.

    What the authors' code computes; 0 for every item if there is one sample.

    >>> probs = [[[0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.4, 0.6]]]
    >>> var_ratios_votes(PredictiveStatistics.from_probs(probs)).numpy()
    array([0.25], dtype=float32)
    """
    return 1 - tf.reduce_max(statistics.votes, axis=-1)


def mean_std(statistics: PredictiveStatistics) -> tf.Tensor:
    """Mean over the classes of the standard deviation of their probability.

    (1/c) sum_c sqrt(E[p^2] - E[p]^2), over the samples. In [0, 1/2].
    Kampffmeyer, Salberg and Jenssen, 2016; Kendall et al., 2015.

    >>> mean_std(PredictiveStatistics.from_probs([[[1.0, 0.0], [0.0, 1.0]]])).numpy()
    array([0.5], dtype=float32)
    """
    return tf.reduce_mean(tf.sqrt(statistics.var_probs), axis=-1)


def random(statistics: PredictiveStatistics) -> tf.Tensor:
    """The baseline: all items are equal, so that the tie is broken by the seed.

    Choosing by `top_k` is then a uniform draw without replacement.
    """
    return tf.zeros_like(statistics.expected_entropy)
