"""Monte Carlo error of scores, due to the finite number of posterior samples."""

from collections.abc import Callable

import numpy as np

from dbal_tf.bayesian.statistics import PredictiveStatistics
from dbal_tf.core import AcquisitionFunction

# Each group costs one more pass over all scores. With ten, the relative uncertainty of the
# standard error is about a quarter.
_GROUPS = 10


def standard_errors(score: AcquisitionFunction, probs_ntc: np.ndarray) -> np.ndarray:
    """Returns the standard error of each item's score over posterior samples.

    Computed by `jackknife`.

    Args:
        score: The acquisition function.
        probs_ntc: Class probabilities of the samples, `[n, t, c]`, t >= 3.

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
    """Returns the standard errors of scores, by the delete-a-group jackknife.

    The scores are computed again without each of g = min(10, samples) groups
    (Efron, 1982). Scores such as BALD are not means over samples, so the usual formula for the
    error of a mean does not apply. With score_i the score without group i, the result is

        sqrt((g - 1) / g * sum_i (score_i - mean score)^2) .

    Args:
        score: Maps positions of samples to the scores `[n]` computed from these samples.
        samples: Number of samples, at least 3. With two, leaving out a group would
            leave only one, which has no disagreement to measure.

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
