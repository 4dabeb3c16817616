"""Monte Carlo error of scores, due to the finite number of posterior samples."""

from collections.abc import Callable

import numpy as np

from dbal_tf.bayesian.statistics import PredictiveStatistics
from dbal_tf.core import AcquisitionFunction

# Each group needs all scores once more; ten give the error to about a quarter of itself.
_GROUPS = 10


def standard_errors(score: AcquisitionFunction, probs_ntc: np.ndarray) -> np.ndarray:
    """Returns the standard error of each item's score over posterior samples.

    By `jackknife`.

    Args:
        score: The acquisition function.
        probs_ntc: Class probabilities of the samples, `[n, t, c]`, t > 2.

    Returns:
        Standard errors in the unit of the score, float64 `[n]`.

    Raises:
        ValueError: There are fewer than three samples.
    """
    return jackknife(
        lambda kept: score(PredictiveStatistics.from_probs(probs_ntc[:, kept])),
        probs_ntc.shape[1],
    )


def jackknife(score: Callable[[np.ndarray], np.ndarray], samples: int) -> np.ndarray:
    """Returns the standard errors of scores that are computed from some of the samples.

    By the jackknife that deletes groups (Efron, 1982): the score is computed
    again without each of g = 10 groups of samples, because scores such as BALD
    are not means over samples, whose error would have a formula.

    sqrt((g - 1) / g * sum_i (score_i - mean score)^2), score_i without group i.

    Args:
        score: Maps the positions of samples to the scores `[n]` by these.
        samples: Number of samples, at least 3: without one of two, no score would
            be of samples that differ.

    Returns:
        Standard errors in the unit of the score, float64 `[n]`.

    Raises:
        ValueError: There are fewer than three samples.
    """
    if samples < 3:
        raise ValueError(f"{samples} samples have no standard error; expected at least 3.")
    every = np.arange(samples)
    groups = np.array_split(every, min(_GROUPS, samples))
    without_gn = np.stack(
        [np.asarray(score(np.delete(every, group))) for group in groups]
    ).astype(np.float64)
    return np.sqrt(np.var(without_gn, axis=0) * (len(groups) - 1))
