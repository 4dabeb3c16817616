"""The oracle of experiments: it alone reads the hidden labels of a data set."""

import dataclasses
from typing import ClassVar

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Query
from dbal_tf.core import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class DatasetOracle:
    """Answers queries with the data set's own labels, as in the paper's experiments."""

    annotator: ClassVar[str] = "dataset"

    dataset: Dataset

    def check(self) -> None:
        """Checks that every item of the pool has a label.

        Raises:
            InputError: An item has none, so that a query for it could not be answered.
        """
        pool = self.dataset.hidden.select(self.dataset.splits.pool_ids)
        if unknown := int(np.count_nonzero(pool.classes < 0)):
            raise InputError(
                f"{unknown} of the {len(pool)} images of the pool have no label; expected one "
                "for each, as the data set is asked for them; label them or leave them out."
            )

    def run(self, query: Query) -> Labels:
        """Returns the labels of the query's items, in the query's order."""
        return self.dataset.hidden.select(query.ids)
