"""Acquisition functions by the name that `--acquisition` gives them."""

from dbal_tf.acquisition import functions
from dbal_tf.core import AcquisitionFunction

ACQUISITIONS: dict[str, AcquisitionFunction] = {
    "random": functions.random,
    "bald": functions.bald,
    "max_entropy": functions.max_entropy,
    "var_ratios": functions.var_ratios,
    "mean_std": functions.mean_std,
}

_VAR_RATIOS: dict[str, AcquisitionFunction] = {
    "mean": functions.var_ratios,
    "votes": functions.var_ratios_votes,
}


def acquisition_function(name: str, var_ratios: str = "mean") -> AcquisitionFunction:
    """Returns the function of a name.

    Args:
        name: A key of `ACQUISITIONS`.
        var_ratios: Which definition `"var_ratios"` stands for: `"mean"` is the
            paper's equation, `"votes"` the authors' code.
    """
    return _VAR_RATIOS[var_ratios] if name == "var_ratios" else ACQUISITIONS[name]
