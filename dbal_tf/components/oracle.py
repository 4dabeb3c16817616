"""Labels what is asked. The only room that sees hidden labels."""

import dataclasses

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Query


@dataclasses.dataclass(frozen=True, eq=False)
class DatasetOracle:
    """Answers from the data set's own labels, as the paper's experiments do."""

    dataset: Dataset

    def run(self, query: Query) -> Labels:
        """Returns the labels of the query's items, in the query's order."""
        hidden = self.dataset.hidden
        row_of = {item: row for row, item in enumerate(hidden.ids.tolist())}
        rows = np.array([row_of[item] for item in query.ids.tolist()], np.int64)
        return Labels(query.ids, hidden.classes[rows])
