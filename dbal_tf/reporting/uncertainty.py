"""How far chance may move a mean or a single fit: pure functions of numbers."""

import math
from collections.abc import Iterable

import numpy as np
import scipy.special

CONFIDENCE = 0.95


def t_half_width(values: np.ndarray) -> float | None:
    """Returns half the width of the 95 % confidence interval of a mean.

    Student's t interval (1908): with n values it is t s / sqrt(n), where s is
    their standard deviation and t is 12.71, 4.30, 3.18, ... for n = 2, 3, 4, ...

    Args:
        values: Independent values, such as differences within pairs, `[n]`.

    Returns:
        The half width; None for fewer than two values, which do not show their
        spread.
    """
    n = len(values)
    if n < 2:
        return None
    t = scipy.special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)
    return float(t * np.std(values, ddof=1) / np.sqrt(n))


def corrected_half_width(values: np.ndarray, test_to_train: float) -> float | None:
    """Returns half the width of the 95 % interval of a mean over resampled test sets.

    The corrected resampled t interval (Nadeau and Bengio, 2003): runs of cross-validation
    share training images, so their variance is s^2 (1/n + test/train) and not s^2 / n.

    Args:
        values: A value of each run, such as a difference within a pair, `[n]`.
        test_to_train: Test images per training image, 1/(k - 1) for k folds; 0: the values
            are independent.

    Returns:
        The half width; None for fewer than two values.
    """
    half = t_half_width(values)
    return None if half is None else half * math.sqrt(1 + len(values) * test_to_train)


def auc_standard_error(auc: float, positives: int, negatives: int) -> float:
    """Returns the standard error of an area under the ROC curve. Hanley and McNeil, 1982.

    >>> round(auc_standard_error(0.75, 43, 172), 3)
    0.046
    """
    # Probabilities that one item ranks above two of the other class, of exponential scores.
    two_positives, two_negatives = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (two_positives - auc**2)
        + (negatives - 1) * (two_negatives - auc**2)
    ) / (positives * negatives)
    return math.sqrt(variance)


def von_neumann_deviation(curves: Iterable[np.ndarray]) -> float | None:
    """Returns the standard deviation of single points about smooth curves.

    Von Neumann's estimator (1941), sqrt(mean((e[i + 1] - e[i]) ** 2) / 2), with
    the mean over all neighbours of all curves. It is exact if the curves are
    flat and the points independent. A slope of s per point adds s ** 2 / 2 to the
    variance, so it is an upper bound where curves fall.

    Args:
        curves: Values of successive points, each `[p]`.

    Returns:
        The standard deviation; None without two neighbours.

    >>> von_neumann_deviation([np.array([3.0, 5.0, 3.0])])
    1.4142135623730951
    """
    steps = np.concatenate([np.zeros(0), *(np.diff(values) for values in curves)])
    return float(np.sqrt(np.mean(steps**2) / 2)) if len(steps) else None
