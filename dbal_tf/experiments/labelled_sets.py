"""What a semi-supervised system learns from: images with labels, and without."""

import dataclasses
import pathlib

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Query
from dbal_tf.baselines.semi_supervised.system import LabelledImages
from dbal_tf.components.example_gen import load
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.store.bought import Bought, read_bought


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledSet:
    """The labels of a repetition, and their data set.

    Attributes:
        dataset: Its initial set holds the labelled images, its pool the
            unlabelled ones.
        labels: The labels of the initial set.
        bought_by: The active learning run that bought them; empty: they are
            balanced, by seed.
    """

    dataset: Dataset
    labels: Labels
    bought_by: str = ""

    def labelled(self) -> LabelledImages:
        """Returns the labelled images."""
        return self._images(self.labels)

    def unlabelled(self) -> np.ndarray:
        """Returns the images without labels, uint8 `[u, h, w, k]`."""
        ids = self.dataset.splits.pool_ids
        return np.asarray(self.dataset.train.select(ids).images)

    def validation(self) -> LabelledImages:
        """Returns the images for choosing hyper-parameters."""
        return self._images(_ask(self.dataset, self.dataset.splits.validation_ids))

    def test(self) -> LabelledImages:
        """Returns the images for measuring the error."""
        dataset = self.dataset
        return LabelledImages(np.asarray(dataset.test.images), dataset.test_labels.classes)

    def _images(self, labels: Labels) -> LabelledImages:
        images = np.asarray(self.dataset.train.select(labels.ids).images)
        return LabelledImages(images, labels.classes)


def labelled_set(config: Config) -> LabelledSet:
    """Returns the labelled set of the settings' repetition.

    With `--labels_from` all repetitions learn from the same labels, and differ
    in their validation sets and seeds.

    Raises:
        InputError: The data, or the run of `--labels_from`, cannot be used.
    """
    if not config.labels_from:
        dataset = load(config)
        return LabelledSet(dataset, _ask(dataset, dataset.splits.initial_ids))
    bought = read_bought(pathlib.Path(config.labels_from))
    count = config.labels or len(bought.labels)
    if count > len(bought.labels):
        raise InputError(
            f"--labels={count} is above the {len(bought.labels)} labels that "
            f"--labels_from={config.labels_from} has; use at most as many."
        )
    # The first labels, which the run itself had at this number of labels.
    labels = bought.labels.first(count)
    dataset = _around(config, bought, labels)
    # Active learning may not have found every class.
    counts = np.bincount(labels.classes, minlength=len(dataset.class_names))
    if not counts.all():
        raise InputError(
            f"The {count} labels of --labels_from={config.labels_from} have none of class "
            f"{dataset.class_names[int(counts.argmin())]}; expected at least one of each; use "
            "more of its labels, or another run."
        )
    return LabelledSet(dataset, labels, bought.buyer)


def _around(config: Config, bought: Bought, labels: Labels) -> Dataset:
    """Returns the data set with these labels as its initial set."""
    try:
        dataset = load(config, labels.ids)
    except KeyError as error:
        raise _other_data(config, f"it has no image {error.args[0]}") from None
    if bought.checksum and bought.checksum != dataset.checksum:
        raise _other_data(config, "their checksums differ")
    if bought.config.dataset != config.dataset:
        raise _other_data(config, f"it is of --dataset={bought.config.dataset}")
    if bought.class_names and bought.class_names != dataset.class_names:
        raise InputError(
            f"--labels_from={config.labels_from} has the classes "
            f"{', '.join(bought.class_names)}; expected {', '.join(dataset.class_names)}; "
            "give --classes as that run had it."
        )
    # Published results have no checksum, but the classes that the data set answered.
    truth = _ask(dataset, labels.ids).classes
    if not bought.checksum and (truth != labels.classes).any():
        raise _other_data(config, "some classes differ")
    return dataset


def _other_data(config: Config, why: str) -> InputError:
    return InputError(
        f"--labels_from={config.labels_from} is a run of other data than --dataset="
        f"{config.dataset} ({why}); name a run on the same images, or give its --dataset and "
        "--data_dir."
    )


def _ask(dataset: Dataset, ids: np.ndarray) -> Labels:
    return DatasetOracle(dataset).run(Query(ids, np.zeros(len(ids))))
