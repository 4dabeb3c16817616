"""The settings of an experiment, their limits, and their flagfiles."""

from dbal_tf.config.names import (
    ACQUISITIONS,
    DATASETS,
    EXPERIMENTS,
    GRAPH_TECHNIQUES,
    GRIDS,
    INITIALIZERS,
    MODELS,
    ORACLES,
    POSTERIORS,
    RESIZES,
    SCHEDULES,
    SEMI_SUPERVISED,
    STRATEGIES,
    TECHNIQUES,
)
from dbal_tf.config.settings import Config, define_flags, from_flags

__all__ = [
    "ACQUISITIONS",
    "DATASETS",
    "EXPERIMENTS",
    "GRAPH_TECHNIQUES",
    "GRIDS",
    "INITIALIZERS",
    "MODELS",
    "ORACLES",
    "POSTERIORS",
    "RESIZES",
    "SCHEDULES",
    "SEMI_SUPERVISED",
    "STRATEGIES",
    "TECHNIQUES",
    "Config",
    "define_flags",
    "from_flags",
]
