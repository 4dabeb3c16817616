"""Acquisition functions a(x), and the selection of items by their scores."""

from dbal_tf.acquisition.functions import (
    bald,
    max_entropy,
    mean_std,
    random,
    var_ratios,
    var_ratios_votes,
)
from dbal_tf.acquisition.precision import standard_errors
from dbal_tf.acquisition.registry import ACQUISITIONS, acquisition_function
from dbal_tf.acquisition.selection import random_subset, top_k

__all__ = [
    "ACQUISITIONS",
    "acquisition_function",
    "bald",
    "max_entropy",
    "mean_std",
    "random",
    "random_subset",
    "standard_errors",
    "top_k",
    "var_ratios",
    "var_ratios_votes",
]
