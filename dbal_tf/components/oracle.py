"""Oracles, which answer queries. Only this module answers with the data set's own labels."""

import contextlib
import dataclasses
from typing import ClassVar

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Query
from dbal_tf.components.csv_oracle import CsvOracle
from dbal_tf.components.label_studio_oracle import LabelStudioOracle
from dbal_tf.components.page import PageOracle
from dbal_tf.config import Config
from dbal_tf.core import InputError, Oracle, Say


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
        pool = self.dataset.splits.pool_ids
        if unknown := len(unknown_ids(self.dataset, pool)):
            raise InputError(
                f"{unknown} of the {len(pool)} images of the pool have no label; expected one "
                "for each, as the data set is asked for them; label them or leave them out."
            )

    def told(self) -> None:
        """Does nothing: the data set keeps its labels."""

    def attend(self, say: Say) -> contextlib.AbstractContextManager[None]:
        """Does nothing: the answers are already there."""
        del say
        return contextlib.nullcontext()

    def run(self, query: Query) -> Labels:
        """Returns the labels of the query's items, in the query's order."""
        return self.dataset.hidden.select(query.ids)


def make_oracle(config: Config, dataset: Dataset) -> Oracle:
    """Returns the oracle that `--oracle` names."""
    if config.oracle == "web":
        return PageOracle.from_config(config)
    if config.oracle == "csv":
        return CsvOracle.from_config(config, dataset)
    if config.oracle == "label_studio":
        return LabelStudioOracle.from_config(config, dataset)
    return DatasetOracle(dataset)


def unknown_ids(dataset: Dataset, ids: np.ndarray) -> np.ndarray:
    """Returns those of some training ids whose class the data set does not know."""
    return ids[dataset.hidden.select(ids).classes < 0]


def known_held_out(dataset: Dataset, start: Query | None) -> Labels:
    """Returns the known labels of the test and the validation set, if a person labels the rest.

    Args:
        dataset: The data set, which may know some of their classes.
        start: What is asked for before the first model; a set of which it asks for nothing
            is left out.
    """
    known = Labels.from_answers({})
    asked = np.array([], np.str_) if start is None else start.ids
    for labels in (dataset.test_labels, dataset.hidden.select(dataset.splits.validation_ids)):
        if np.isin(labels.ids, asked).any():
            known = _known(labels, known)
    return known


def known_validation_labels(dataset: Dataset, told: Labels) -> Labels:
    """Returns the labels of the validation items, where they are known.

    Args:
        dataset: The data set, which may know their classes.
        told: A person's labels for some of them, which take precedence.
    """
    return _known(dataset.hidden.select(dataset.splits.validation_ids), told)


def with_known_test_items(dataset: Dataset, told: Labels) -> Dataset:
    """Returns the data set with only those test items whose class is known.

    Args:
        dataset: The data set, which may know their classes.
        told: A person's labels for some of them, which take precedence.
    """
    labels = _known(dataset.test_labels, told)
    if len(labels) == len(dataset.test) and not len(told):
        return dataset
    return dataclasses.replace(
        dataset, test=dataset.test.select(labels.ids), test_labels=labels
    )


def _known(labels: Labels, told: Labels) -> Labels:
    """Returns the known labels; `told` takes precedence."""
    classes = dict(zip(labels.ids.tolist(), labels.classes.tolist(), strict=True))
    classes |= dict(zip(told.ids.tolist(), told.classes.tolist(), strict=True))
    known = {item: label for item, label in classes.items() if label >= 0}
    return Labels(np.array(list(known), np.str_), np.array(list(known.values()), np.int64))
