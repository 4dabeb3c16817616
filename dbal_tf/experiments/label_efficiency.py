"""`--experiment=label_efficiency`: labels saved by each change of the paper's protocol.

There are three changes: how a query is chosen from scores, how a network is trained, and
whether its images are augmented. They are tested together, and with each left out.
One more variant leaves out the posterior, which is the paper's own.
"""

from collections.abc import Mapping
from typing import Any

from dbal_tf.config import ACQUISITIONS, JOINT_ACQUISITIONS
from dbal_tf.experiments import report
from dbal_tf.experiments.grid import Experiment, Variant

BATCH = {"batch": "stochastic"}
TRAINING = {
    "steps": "auto",
    "batch_size": 32,
    "learning_rate": 2e-3,
    "learning_rate_schedule": "linear",
    "weight_decay": "0.5",
}
AUGMENTATION = {"augment": ("shift", "rotate")}
# Random and expected risk have no scores to choose a batch by.
SCORED = tuple(name for name in (*ACQUISITIONS, *JOINT_ACQUISITIONS) if name != "random")
# Techniques that have scores with one sample; by bald all images would be equal.
_OF_ONE_SAMPLE = ("max_entropy", "var_ratios")
_NO_BATCH = "no_batch"


def _batch(folder: str, title: str, changes: Mapping[str, Any], *techniques: str) -> Variant:
    """Returns a variant with training and augmentation, and queries chosen by `changes`."""
    return Variant(
        folder,
        title,
        {**TRAINING, **AUGMENTATION, **changes},
        techniques=techniques or SCORED,
        # The runs of random there have the same training; random needs no batch.
        baseline=_NO_BATCH,
    )


EXPERIMENT = Experiment(
    title="Label efficiency",
    report=report.write,
    variants=(
        Variant("paper", "as in the paper"),
        _batch("all", "all three", BATCH),
        Variant(_NO_BATCH, "without the batch", {**TRAINING, **AUGMENTATION}),
        Variant(
            "no_training", "with the paper's training", {**BATCH, **AUGMENTATION}, None, SCORED
        ),
        Variant("no_augmentation", "without augmentation", {**BATCH, **TRAINING}, None, SCORED),
        _batch(
            "no_posterior",
            "without the posterior",
            {**BATCH, "posterior": "deterministic"},
            *_OF_ONE_SAMPLE,
        ),
        _batch("batchbald", "BatchBALD instead", {"batch": "batchbald"}, "bald"),
        _batch("diverse", "diverse instead", {"batch": "diverse"}),
    ),
    panels="acquisition",
    checkpoints=(50, 100, 200, 500),
    thresholds=(0.10, 0.05, 0.02),
    captions=(
        "All three parts: a query has the highest scores after random noise is added "
        "(--batch=stochastic); a training has at least 50 epochs and 700 steps of 32 images, a "
        "learning rate of 0.002 that falls to 0 in the second half, and c = 0.5 (--steps, "
        "--batch_size, --learning_rate, --learning_rate_schedule, --weight_decay); training "
        "images are shifted and rotated at random (--augment=shift,rotate). Each part's share "
        "is the difference to the variant without it.",
        "Without the posterior: scores come from one pass without dropout instead of the "
        "samples. The network is trained with dropout, like the others. Only max_entropy and "
        "var_ratios have such scores.",
        "BatchBALD and diverse (k-means++ on how predictions vary) choose the query instead of "
        "the noise. Random buys the same images with and without a batch method, so all of "
        "them are compared with its run without one.",
    ),
)
