#!/usr/bin/env python3
"""Measures how well features of frozen trunks separate two classes, with all labels.

    python tools/trunk_auc.py --data_dir=FOLDER --labels_csv=CSV --weights=hed,none

A logistic regression on the features of each trunk is trained on four folds and
tested on the fifth, so that each image is a test image once in each repetition.
Prints the AUC averaged over the folds, and the standard error of an AUC of 0.75 on as
many images. This shows what a head can reach with all labels, and whether the trunk's
weights are better than random ones.
"""

import argparse
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from dbal_tf.artifacts import Dataset
from dbal_tf.components.example_gen import load
from dbal_tf.components.features import Features
from dbal_tf.config import Config
from dbal_tf.reporting.uncertainty import auc_standard_error
from dbal_tf.runtime import startup

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # C of the logistic regression


def fold_auc(dataset: Dataset, penalty: float) -> float:
    """Returns the AUC on the test images of a fold, trained on the other images."""
    train, test = (np.asarray(x.images) for x in (dataset.train, dataset.test))
    labels = dataset.hidden.select(dataset.train.ids)
    model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train.reshape(len(train), -1), labels.classes)
    scores = model.decision_function(test.reshape(len(test), -1))
    return float(roc_auc_score(dataset.test_labels.classes, scores))


def measure(config: Config, repetitions: int) -> None:
    """Prints the AUC of one trunk, by penalty."""
    aucs: dict[float, list[float]] = {penalty: [] for penalty in _PENALTIES}
    for repetition in range(repetitions * config.folds):
        one = config.replace(repetition=repetition)
        features = Features.from_config(one).run(load(one), lambda _: None)
        for penalty, found in aucs.items():
            found.append(fold_auc(features, penalty))
    for penalty, found in aucs.items():
        by_repetition = np.reshape(found, [repetitions, config.folds]).mean(axis=1)
        print(
            f"{config.weights:>8}  C = {penalty:<7g} AUC {by_repetition.mean():.3f}"
            f"  (repetitions {by_repetition.min():.3f} to {by_repetition.max():.3f};"
            f" folds {min(found):.3f} to {max(found):.3f})",
            flush=True,
        )


def main() -> None:
    """Measures each trunk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--labels_csv", required=True)
    parser.add_argument("--model", default="keras.applications:VGG16")
    parser.add_argument(
        "--weights", default="hed,none", help="of the trunks, separated by commas"
    )
    parser.add_argument("--image_size", default="96")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=3)
    flags = parser.parse_args()
    startup.import_tensorflow()
    config = Config(
        dataset="image_folder",
        data_dir=flags.data_dir,
        labels_csv=flags.labels_csv,
        model=flags.model,
        image_size=flags.image_size,
        folds=flags.folds,
        validation_size=0,
    )
    positives = load(config).hidden.classes.mean()
    for weights in flags.weights.split(","):
        measure(config.replace(weights=weights), flags.repetitions)
    count = len(load(config).train) + len(load(config).test)
    error = auc_standard_error(0.75, round(positives * count), round((1 - positives) * count))
    print(f"One AUC of 0.75 on all {count} images has a standard error of {error:.3f}.")


if __name__ == "__main__":
    main()
