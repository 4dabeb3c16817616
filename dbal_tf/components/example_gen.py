"""Loading of a data set by its name, and its split."""

import dataclasses
import functools
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Splits
from dbal_tf.components.features import Features
from dbal_tf.components.graph_choice import ImageGraph
from dbal_tf.config import GRAPH_TECHNIQUES, Config
from dbal_tf.datasets import LOADERS
from dbal_tf.datasets.source import Source
from dbal_tf.datasets.splits import make_splits, split_around
from dbal_tf.seeds import seed_for
from dbal_tf.store.run_dir import check_pool


@dataclasses.dataclass(frozen=True)
class ExampleGen:
    """Loads a data set and splits it.

    Attributes:
        dataset: The value of `--dataset`.
        data_dir: The value of `--data_dir`; may be empty.
        initial_per_class: Number of items of each class in the initial set.
        validation_size: Number of items in the validation set.
        classes: Names of the classes to keep; empty: all.
        pool_size: Largest size of the pool; 0: no limit.
    """

    dataset: str
    data_dir: str
    initial_per_class: int
    validation_size: int
    classes: tuple[str, ...] = ()
    pool_size: int = 0

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(
            config.dataset,
            config.data_dir,
            config.initial_per_class,
            config.validation_size,
            config.classes,
            config.pool_size,
        )

    def run(self, seed: int, initial_ids: np.ndarray | None = None) -> Dataset:
        """Returns the data set, split with this seed.

        The files are read once per process; the runs of an experiment share the
        images and differ only in their splits.

        Args:
            seed: Seed of the split.
            initial_ids: The initial set, training items in any order; None:
                a balanced one is drawn.

        Raises:
            InputError: The files cannot be used, or hold too few items.
            KeyError: An initial id is not one of the training items.
        """
        source, checksum = _load(self.dataset, self.data_dir)
        if self.classes:
            source = source.of_classes(self.classes)
        splits = self._split(source, seed, initial_ids)
        train, hidden = source.train, Labels(source.train.ids, source.train_classes)
        # `train` is the union of the splits, so what the pool leaves out goes from it, too.
        if self.pool_size:
            used = (splits.initial_ids, splits.validation_ids, splits.pool_ids)
            ids = train.ids[np.isin(train.ids, np.concatenate(used))]
            train, hidden = train.select(ids), hidden.select(ids)
        return Dataset(
            name=self.dataset,
            train=train,
            splits=splits,
            hidden=hidden,
            test=source.test,
            test_labels=Labels(source.test.ids, source.test_classes),
            class_names=source.class_names,
            checksum=checksum,
        )

    def _split(self, source: Source, seed: int, initial_ids: np.ndarray | None) -> Splits:
        ids, classes = source.train.ids, source.train_classes
        sizes = self.validation_size, seed, self.pool_size
        if initial_ids is None:
            count = len(source.class_names)
            return make_splits(ids, classes, count, self.initial_per_class, *sizes)
        source.train.rows(initial_ids)
        return split_around(ids, classes, initial_ids, *sizes)


def load(config: Config, initial_ids: np.ndarray | None = None) -> Dataset:
    """Returns the data set, split for the repetition in the settings.

    Args:
        config: The settings.
        initial_ids: The initial set; None: a balanced one is drawn.

    Raises:
        InputError: The files cannot be used, or hold too few items.
        KeyError: An initial id is not one of the training items.
    """
    seed = seed_for(config.seed, config.repetition, 0, "split")
    return ExampleGen.from_config(config).run(seed, initial_ids)


def check_data(config: Config, dataset: Dataset) -> None:
    """Checks that a data set fits a run: its size, and that of its images.

    Raises:
        InputError: The pool is too small, its graph is too large, or the network
            cannot be built for such images.
    """
    check_pool(config, dataset)
    Features.from_config(config).check(dataset)
    if config.acquisition[0] in GRAPH_TECHNIQUES:
        ImageGraph.from_config(config).check(dataset)


# One data set at a time: experiments use one, and images take up to gigabytes.
@functools.lru_cache(maxsize=1)
def _load(dataset: str, data_dir: str) -> tuple[Source, str]:
    source = LOADERS[dataset](data_dir)
    return source, source.checksum()
