"""`--experiment=melanoma`: section 5.5, malignant among benign skin lesions."""

from dbal_tf.experiments import melanoma_report
from dbal_tf.experiments.grid import Experiment, Variant

EXPERIMENT = Experiment(
    title="Section 5.5: melanoma",
    report=melanoma_report.write,
    variants=(
        Variant("trained", "trained trunk"),
        Variant(
            "random_trunk",
            "random trunk",
            {"model": "keras.applications:VGG16", "weights": "none"},
        ),
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
    captions=(
        "Differences from the paper: its test set is the challenge's official one of 379 "
        "images; its VGG16 has the weights of ImageNet and is trained as a whole; its images "
        "have 224 x 224 pixels. Here the images are divided into folds, the trunk is frozen "
        "unless --train_trunk is given, and --weights says what it was trained on.",
        "Each image is a test image once in as many repetitions as there are folds; near "
        "copies are in one fold. With two classes, max_entropy and var_ratios rank the images "
        "in the same order: their runs differ only by ties and rounding.",
    ),
)
