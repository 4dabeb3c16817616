"""The settings of an experiment, their limits, and their flagfiles."""

from dbal_tf.config.settings import (
    ACQUISITIONS,
    DATASETS,
    EXPERIMENTS,
    GRAPH_TECHNIQUES,
    INITIALIZERS,
    MODELS,
    POSTERIORS,
    STRATEGIES,
    TECHNIQUES,
    Config,
    define_flags,
    from_flags,
)

__all__ = [
    "ACQUISITIONS",
    "DATASETS",
    "EXPERIMENTS",
    "GRAPH_TECHNIQUES",
    "INITIALIZERS",
    "MODELS",
    "POSTERIORS",
    "STRATEGIES",
    "TECHNIQUES",
    "Config",
    "define_flags",
    "from_flags",
]
