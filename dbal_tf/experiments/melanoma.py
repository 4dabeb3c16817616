"""`--experiment=melanoma`: section 5.5, malignant among benign lesions of the skin."""

from dbal_tf.experiments import report
from dbal_tf.experiments.grid import Experiment, Variant

EXPERIMENT = Experiment(
    title="Section 5.5: melanoma",
    report=report.write,
    variants=(
        Variant("trained", "trained trunk"),
        Variant("random_trunk", "random trunk", {"weights": "none"}),
        Variant(
            "from_scratch",
            "small network",
            {
                "model": "bayesian_resnet",
                "weights": "imagenet",  # The default, which a network without a trunk needs.
                "train_trunk": False,
                "image_size": "64",
            },
        ),
    ),
    checkpoints=(100, 200, 300, 400),
)
