"""`--experiment=repeated_pool`: the effect of copies in the pool on batches.

Repeated MNIST: Kirsch, van Amersfoort and Gal, "BatchBALD", NeurIPS 2019, section 4.1.
"""

from typing import Any

from dbal_tf.experiments import report
from dbal_tf.experiments.grid import Experiment, Variant

_POOLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("once", "once", {}),
    ("copies", "four times", {"pool_copies": 4}),
)
_BATCHES = (
    ("stochastic", "stochastic", ("bald", "epig")),
    ("batchbald", "BatchBALD", ("bald",)),
)

EXPERIMENT = Experiment(
    title="A pool with copies",
    report=report.write,
    variants=(
        *(Variant(folder, title, changes) for folder, title, changes in _POOLS),
        *(
            Variant(
                f"{folder}_{batch}",
                f"{title}, {name}",
                {**changes, "batch": batch},
                techniques=techniques,
                baseline=folder,
            )
            for batch, name, techniques in _BATCHES
            for folder, title, changes in _POOLS
        ),
    ),
    panels="acquisition",
    checkpoints=(50, 100, 150),
    thresholds=(0.20, 0.10),
    captions=(
        "Once: each image stands once in the pool. Four times: as four copies, each with "
        "slight noise of its own; the ten highest scores are then of a few images, and the "
        "labels of copies teach little. Both pools are made of the same images, and the runs "
        "of a repetition begin with the same labels.",
        "Queries are the ten highest scores, unless stochastic (the highest after random "
        "noise) or BatchBALD (jointly most informative) is named.",
    ),
)
