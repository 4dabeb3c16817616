"""Metrics of predicted class probabilities."""

import numpy as np


def error(probs_nc: np.ndarray, classes: np.ndarray) -> float:
    """Returns the error rate: the share of items whose most probable class is wrong."""
    return float(np.mean(np.argmax(probs_nc, axis=1) != classes))


def nll(probs_nc: np.ndarray, classes: np.ndarray) -> float:
    """Returns the mean negative log-likelihood of the true class, in nats.

    Probabilities are clipped at the smallest normal float32, so an item has at most 87 nats.
    """
    true = probs_nc[np.arange(len(classes)), classes].astype(np.float64)
    return float(-np.mean(np.log(np.maximum(true, np.finfo(np.float32).tiny))))


def brier(probs_nc: np.ndarray, classes: np.ndarray) -> float:
    """Returns the mean over items of sum_c (p_c - [c is true])^2. Brier, 1950."""
    truth = np.eye(probs_nc.shape[1])[classes]
    return float(np.mean(np.sum((probs_nc - truth) ** 2, axis=1)))


def auc(probs_nc: np.ndarray, classes: np.ndarray) -> float | None:
    """Returns the area under the ROC curve, 0 to 1, where 0.5 is chance.

    For two classes, it uses the probability of class 1, the positive class. For more
    classes, it is the macro average of one-vs-rest areas over the classes that have
    items. None if there are no items, or all are of one class.
    """
    present = np.unique(classes)
    if len(present) < 2:
        return None
    # Imported here, because the import takes a second.
    from sklearn.metrics import roc_auc_score

    positive = [1] if probs_nc.shape[1] == 2 else present.tolist()
    areas = [roc_auc_score(classes == index, probs_nc[:, index]) for index in positive]
    return float(np.mean(areas))


SPECIFICITY = 0.8
"""The specificity at which `sensitivity` is measured."""


def sensitivity(
    probs_nc: np.ndarray, classes: np.ndarray, specificity: float = SPECIFICITY
) -> float | None:
    """Returns the sensitivity for class 1 at a given specificity, for two classes.

    An item is positive if its probability of class 1 exceeds a threshold: the lowest that
    leaves at least the share `specificity` of class 0 negative. None unless there are
    two classes with items of both.
    """
    if probs_nc.shape[1] != 2 or len(np.unique(classes)) < 2:
        return None
    negative, positive = (np.sort(probs_nc[classes == index, 1]) for index in (0, 1))
    # 1e-9, because rounding may bring 0.8 * 5 above 4.
    below = int(np.ceil(specificity * len(negative) - 1e-9))
    return float(np.mean(positive > (negative[below - 1] if below else -1)))


def reliability(
    probs_nc: np.ndarray, classes: np.ndarray, num_bins: int = 15
) -> tuple[tuple[float, float, float], ...]:
    """Returns the reliability diagram: accuracy by confidence.

    Confidence is an item's largest probability. The result has one row for each of
    `num_bins` bins of equal width: the number of items, their mean confidence and
    their accuracy (both 0 in an empty bin). Guo et al., 2017, figure 4.
    """
    confidence_n = probs_nc.max(axis=1)
    # A confidence of exactly 1 belongs to the last bin.
    bin_n = np.minimum((confidence_n * num_bins).astype(np.int64), num_bins - 1)
    count_b, *sums = (
        np.bincount(bin_n, weights, minlength=num_bins)
        for weights in (np.ones(len(bin_n)), confidence_n, probs_nc.argmax(axis=1) == classes)
    )
    confidence_b, right_b = (total / np.maximum(count_b, 1) for total in sums)
    return tuple(zip(*(x.tolist() for x in (count_b, confidence_b, right_b)), strict=True))


def ece(probs_nc: np.ndarray, classes: np.ndarray, num_bins: int = 15) -> float:
    """Returns the expected calibration error, 0 to 1, over the bins of `reliability`."""
    rows = reliability(probs_nc, classes, num_bins)
    gaps = [count * abs(confidence - right) for count, confidence, right in rows]
    return float(sum(gaps) / len(classes))
