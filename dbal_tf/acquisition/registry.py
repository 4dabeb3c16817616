"""Acquisition functions by name, as `--acquisition` takes them."""

from dbal_tf import config
from dbal_tf.acquisition import functions
from dbal_tf.core import AcquisitionFunction

# The value of the flag is the name of the function.
ACQUISITIONS: dict[str, AcquisitionFunction] = {
    name: getattr(functions, name) for name in config.ACQUISITIONS
}

_VAR_RATIOS: dict[str, AcquisitionFunction] = {
    "mean": functions.var_ratios,
    "votes": functions.var_ratios_votes,
}


def acquisition_function(name: str, var_ratios: str = "mean") -> AcquisitionFunction:
    """Returns the acquisition function with a name.

    Args:
        name: A key of `ACQUISITIONS`.
        var_ratios: Definition of `"var_ratios"`: `"mean"` for the paper's
            equation, `"votes"` for the authors' code.
    """
    return _VAR_RATIOS[var_ratios] if name == "var_ratios" else ACQUISITIONS[name]
