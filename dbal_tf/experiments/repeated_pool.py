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
        "Once: the pool has each image once. Four times: the pool has four copies of each "
        "image, each with different slight noise; the ten highest scores then belong to a few "
        "images, and the labels of copies teach little. Both pools have the same images, and "
        "the runs of a repetition begin with the same labels.",
        "A query has the ten highest scores, unless the name says stochastic (the highest "
        "scores after random noise is added) or BatchBALD (the jointly most informative).",
    ),
)
