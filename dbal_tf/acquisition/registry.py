"""Acquisition functions and batch strategies, by the names that the flags accept."""

from collections.abc import Callable

import numpy as np

from dbal_tf import config
from dbal_tf.acquisition import functions
from dbal_tf.acquisition.batchbald import batchbald
from dbal_tf.acquisition.diverse import diverse
from dbal_tf.acquisition.selection import top_k
from dbal_tf.acquisition.stochastic import stochastic
from dbal_tf.core import AcquisitionFunction

# The value of the flag is the name of the function.
ACQUISITIONS: dict[str, AcquisitionFunction] = {
    name: getattr(functions, name) for name in config.ACQUISITIONS
}

_VAR_RATIOS: dict[str, AcquisitionFunction] = {
    "mean": functions.var_ratios,
    "votes": functions.var_ratios_votes,
}

BatchFunction = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]
"""Maps `scores_n`, ids `[n]`, `probs_ntc`, k and a seed to k positions, best first.

Only the strategies in `config.JOINT_BATCHES` use `probs_ntc`."""


def acquisition_function(name: str, var_ratios: str = "mean") -> AcquisitionFunction:
    """Returns the acquisition function with this name.

    Args:
        name: A key of `ACQUISITIONS`.
        var_ratios: Definition of `"var_ratios"`: `"mean"` for the paper's
            equation, `"votes"` for the authors' code.
    """
    return _VAR_RATIOS[var_ratios] if name == "var_ratios" else ACQUISITIONS[name]


def batch_function(name: str, kind: str = "power", temperature: float = 1.0) -> BatchFunction:
    """Returns the batch strategy with this name, one of `config.BATCHES`.

    Args:
        name: `"top_k"`, `"stochastic"`, `"batchbald"` or `"diverse"`.
        kind: Only for `"stochastic"`; see the function `stochastic`.
        temperature: Only for `"stochastic"`; see the function `stochastic`.
    """
    batches: dict[str, BatchFunction] = {
        "top_k": lambda scores, ids, probs, k, seed: top_k(scores, k, seed),
        "stochastic": lambda scores, ids, probs, k, seed: stochastic(
            scores, ids, k, seed, kind, temperature
        ),
        "batchbald": lambda scores, ids, probs, k, seed: batchbald(probs, k, seed),
        "diverse": lambda scores, ids, probs, k, seed: diverse(scores, probs, ids, k, seed),
    }
    return batches[name]
