"""Predictions of a round's model, for the page and for files that a person labels in."""

import dataclasses
import pathlib
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Examples, Labels, Model
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.config import Config
from dbal_tf.store.files import npz, write_atomically
from dbal_tf.store.layout import predictions_file


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Writes what a model predicts; see the flags of the same names."""

    run_dir: str
    posterior: str
    num_samples: int

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(config.run_dir, config.posterior, config.num_samples)

    def run(
        self,
        model: Model,
        dataset: Dataset,
        ids: np.ndarray,
        labels: Labels,
        index: int,
        seed: int,
    ) -> dict[str, str]:
        """Writes the mean probabilities of some items; returns the file by its kind.

        The file holds `ids`, `[n]`, `probs`, float32 `[n, c]`, and whether the model was
        `trained` on each, `[n]`.

        Args:
            model: The round's model.
            dataset: Holds the images.
            ids: Items, training or test, in any order.
            labels: Those that the model was trained on.
            index: The round.
            seed: Seed of the posterior samples.
        """
        is_test = np.isin(ids, dataset.test.ids)
        parts = [dataset.train.select(ids[~is_test]), dataset.test.select(ids[is_test])]
        parts = [part for part in parts if len(part)]
        probs = [self._probs(model, part, seed) for part in parts]
        ids, uri = np.concatenate([part.ids for part in parts]), predictions_file(index)
        arrays = {
            "ids": ids,
            "trained": np.isin(ids, labels.ids),
            "probs": np.concatenate(probs).astype(np.float32),
        }
        write_atomically(pathlib.Path(self.run_dir, uri), npz(arrays, compressed=True))
        return {"predictions": uri}

    def _probs(self, model: Model, items: Examples, seed: int) -> np.ndarray:
        predictor = predictor_for(model.network, self.posterior)
        statistics = predictor.statistics(items.images, self.num_samples, seed)
        return np.asarray(statistics.mean_probs)
