"""What a person labels before the first model."""

import dataclasses
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Query
from dbal_tf.components.oracle import unknown_ids
from dbal_tf.config import Config

_TO_MEASURE = 20  # items of a split that are labelled on the page before the first model


@dataclasses.dataclass(frozen=True)
class Start:
    """Chooses the items to label before the first model, at random.

    There are none if the data set answers: it has an initial set, and its test items
    have classes.

    See the flags of the same names.
    """

    oracle: str
    initial_per_class: int
    weight_decay: str

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(config.oracle, config.initial_per_class, config.weight_decay)

    def from_pool(self, dataset: Dataset) -> int:
        """Returns how many items of the pool are asked for before the first model."""
        if self.oracle == "dataset":
            return 0
        wanted = self.initial_per_class * len(dataset.class_names)
        return max(0, wanted - len(dataset.splits.initial_ids))

    def run(self, dataset: Dataset, seed: int) -> Query | None:
        """Returns items of the pool, then of the test set; None if nothing is needed.

        With `--weight_decay=auto`, items of the validation set follow. The page needs only
        some of these two sets at the start; files ask for all, as no later file has them.
        Labels that are known already count towards `--initial_per_class`.

        Args:
            dataset: The data set.
            seed: Seed of the choice.
        """
        if self.oracle == "dataset":
            return None
        splits, test = dataset.splits, dataset.test_labels
        # Without test labels the first model could not be evaluated; on the page, the other
        # test items can be labelled while it trains.
        to_measure = _TO_MEASURE if self.oracle == "web" else None
        parts = [
            (splits.pool_ids, self.from_pool(dataset)),
            (test.ids[test.classes < 0], to_measure),
        ]
        if self.weight_decay == "auto":
            parts.append((unknown_ids(dataset, splits.validation_ids), to_measure))
        # PCG64 by name, because NumPy may change the generator that default_rng uses.
        rng = np.random.Generator(np.random.PCG64(seed))
        drawn = np.concatenate([rng.permutation(ids)[:count] for ids, count in parts])
        return Query(drawn, np.zeros(len(drawn))) if len(drawn) else None
