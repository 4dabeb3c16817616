"""Acquisition functions a(x), and the selection of items by their scores."""

from dbal_tf.acquisition.batchbald import batchbald, joint_bald
from dbal_tf.acquisition.diverse import diverse
from dbal_tf.acquisition.epig import epig
from dbal_tf.acquisition.functions import (
    bald,
    max_entropy,
    mean_std,
    random,
    var_ratios,
    var_ratios_votes,
)
from dbal_tf.acquisition.precision import jackknife, standard_errors
from dbal_tf.acquisition.registry import ACQUISITIONS, acquisition_function, batch_function
from dbal_tf.acquisition.selection import random_subset, top_k
from dbal_tf.acquisition.stochastic import gumbel_noise, stochastic

__all__ = [
    "ACQUISITIONS",
    "acquisition_function",
    "bald",
    "batch_function",
    "batchbald",
    "diverse",
    "epig",
    "gumbel_noise",
    "jackknife",
    "joint_bald",
    "max_entropy",
    "mean_std",
    "random",
    "random_subset",
    "standard_errors",
    "stochastic",
    "top_k",
    "var_ratios",
    "var_ratios_votes",
]
