"""Examples: from a data set's name to its items, split."""

import dataclasses
import functools

from dbal_tf.artifacts import Dataset, Labels
from dbal_tf.datasets import LOADERS
from dbal_tf.datasets.source import Source
from dbal_tf.datasets.splits import make_splits


@dataclasses.dataclass(frozen=True)
class ExampleGen:
    """Loads a data set and splits it.

    Attributes:
        dataset: The value of `--dataset`.
        data_dir: The value of `--data_dir`, maybe empty.
        initial_per_class: Items of each class in the initial set.
        validation_size: Items in the validation set.
    """

    dataset: str
    data_dir: str
    initial_per_class: int
    validation_size: int

    def run(self, seed: int) -> Dataset:
        """Returns the data set, split with this seed.

        The files are read once per process; the runs of an experiment share
        the images and differ in their splits alone.

        Args:
            seed: Decides who is in which split.

        Raises:
            InputError: The files cannot be used, or are too few to split.
        """
        source, checksum = _load(self.dataset, self.data_dir)
        splits = make_splits(
            source.train.ids,
            source.train_classes,
            len(source.class_names),
            self.initial_per_class,
            self.validation_size,
            seed,
        )
        return Dataset(
            name=self.dataset,
            train=source.train,
            splits=splits,
            hidden=Labels(source.train.ids, source.train_classes),
            test=source.test,
            test_labels=Labels(source.test.ids, source.test_classes),
            class_names=source.class_names,
            checksum=checksum,
        )


@functools.lru_cache(maxsize=1)
def _load(dataset: str, data_dir: str) -> tuple[Source, str]:
    source = LOADERS[dataset](data_dir)
    return source, source.checksum()
