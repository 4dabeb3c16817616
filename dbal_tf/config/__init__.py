"""The settings of an experiment, their limits, and their flagfiles."""

from dbal_tf.config.names import (
    ACQUISITIONS,
    BATCHES,
    DATASETS,
    EXPERIMENTS,
    GRAPH_TECHNIQUES,
    GRIDS,
    INITIALIZERS,
    JOINT_ACQUISITIONS,
    JOINT_BATCHES,
    MODELS,
    POSTERIORS,
    SCHEDULES,
    SEMI_SUPERVISED,
    STOCHASTIC,
    STRATEGIES,
    TECHNIQUES,
)
from dbal_tf.config.settings import Config, define_flags, from_flags

__all__ = [
    "ACQUISITIONS",
    "BATCHES",
    "DATASETS",
    "EXPERIMENTS",
    "GRAPH_TECHNIQUES",
    "GRIDS",
    "INITIALIZERS",
    "JOINT_ACQUISITIONS",
    "JOINT_BATCHES",
    "MODELS",
    "POSTERIORS",
    "SCHEDULES",
    "SEMI_SUPERVISED",
    "STOCHASTIC",
    "STRATEGIES",
    "TECHNIQUES",
    "Config",
    "define_flags",
    "from_flags",
]
