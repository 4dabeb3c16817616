"""How good predicted probabilities are, by the true classes."""

import numpy as np


def error(probs_nc: np.ndarray, classes: np.ndarray) -> float:
    """Returns the share of items whose most probable class is not the true one."""
    return float(np.mean(np.argmax(probs_nc, axis=1) != classes))


def nll(probs_nc: np.ndarray, classes: np.ndarray) -> float:
    """Returns the mean negative log likelihood of the true class, in nats.

    A probability of 0 counts as the smallest float32 above it, 87 nats.
    """
    true = probs_nc[np.arange(len(classes)), classes].astype(np.float64)
    return float(-np.mean(np.log(np.maximum(true, np.finfo(np.float32).tiny))))


def brier(probs_nc: np.ndarray, classes: np.ndarray) -> float:
    """Returns the mean over items of sum_c (p_c - [c is true])^2. Brier, 1950."""
    truth = np.eye(probs_nc.shape[1])[classes]
    return float(np.mean(np.sum((probs_nc - truth) ** 2, axis=1)))


def ece(probs_nc: np.ndarray, classes: np.ndarray, num_bins: int = 15) -> float:
    """Returns the expected calibration error. Guo et al., 2017."""
    import tensorflow_probability as tfp

    logits = np.log(np.maximum(probs_nc, np.finfo(np.float32).tiny)).astype(np.float32)
    return float(
        tfp.stats.expected_calibration_error(
            num_bins,
            logits=logits,
            labels_true=classes.astype(np.int32),
            labels_predicted=np.argmax(probs_nc, axis=1).astype(np.int32),
        )
    )
