"""Deep Bayesian active learning on images, in Keras 3 and TensorFlow.

    import dbal_tf as dbal

    stats = dbal.predictive_statistics(model, images, num_samples=100, seed=0)
    scores = dbal.acquisition.bald(stats)
    query = dbal.acquisition.top_k(scores, k=10, seed=0)

or, as a run that asks for labels and may wait for them:

    with dbal.Run.open(dbal.Config(dataset="digits")) as run:
        while query := run.ask():
            run.tell(dbal.Labels.from_answers({...}))

Names are loaded on first use, because importing TensorFlow takes seconds: the command
line checks its flags first.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "dbal_tf.config",
    "InputError": "dbal_tf.core",
    "Labels": "dbal_tf.artifacts",
    "PredictiveStatistics": "dbal_tf.bayesian.statistics",
    "Run": "dbal_tf.loop",
    "predictive_statistics": "dbal_tf.bayesian.inference",
}
_ROOMS = ("acquisition", "baselines", "bayesian")
__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name == "Run":
        # With the program's settings: a process that rounds differently may query other images.
        startup = importlib.import_module("dbal_tf.runtime.startup")
        startup.import_tensorflow(quietly=False)
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"dbal_tf.{name}")
    raise AttributeError(f"module 'dbal_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
