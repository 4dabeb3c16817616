"""Class probabilities from margins, such as those of support vector machines."""

import numpy as np
import scipy.optimize
import scipy.special

_LOG_SCALES = (-5.0, 5.0)  # range of the log factor: factors from 1/150 to 150


def probs_of(margins_nc: np.ndarray, scale: float) -> np.ndarray:
    """Returns softmax(scale * margins), float64 `[n, c]`.

    The class of the largest margin has the largest probability.

    >>> probs_of(np.array([[0.0, np.log(3.0)]]), 1.0).round(3)
    array([[0.25, 0.75]])
    """
    return scipy.special.softmax(scale * np.asarray(margins_nc, np.float64), axis=1)


def best_scale(margins_nc: np.ndarray, classes_n: np.ndarray) -> float:
    """Returns the factor of the margins that maximises the likelihood of the labels.

    Its inverse is the temperature of Guo, Pleiss, Sun and Weinberger, "On Calibration
    of Modern Neural Networks", ICML 2017.

    Args:
        margins_nc: Margins of labelled images that were not trained on.
        classes_n: Class indices of these images.

    Returns:
        A factor between 1/150 and 150.
    """
    margins_nc = np.asarray(margins_nc, np.float64)
    chosen_n = margins_nc[np.arange(len(classes_n)), classes_n]

    def loss(log_scale: float) -> float:
        scale = np.exp(log_scale)
        return float(
            np.mean(scipy.special.logsumexp(scale * margins_nc, axis=1) - scale * chosen_n)
        )

    # Bounded, because the best scale is infinite if all predictions are right.
    found = scipy.optimize.minimize_scalar(loss, bounds=_LOG_SCALES, method="bounded")
    return float(np.exp(found.x))
