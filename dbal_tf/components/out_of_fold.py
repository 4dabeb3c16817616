"""Predictions for labelled items by networks that were not trained on them."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Model
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.config import Config
from dbal_tf.store.files import BROKEN_ARRAYS, npz, write_atomically
from dbal_tf.store.layout import out_of_fold_file, predictions_file

_LEAST = 20  # labels; networks trained on fewer say too little
# The files are useful but not needed: one that cannot be read is made anew.
_DAMAGE = *BROKEN_ARRAYS, KeyError

_Rows = dict[str, tuple[int, np.ndarray]]
"""The round and the probabilities `[c]` of items."""


@dataclasses.dataclass(frozen=True)
class OutOfFold:
    """Predicts labels in folds, each by a network trained on the others.

    A network that was trained on a wrong label has learned it, and disagrees with it
    less than one that was not. These predictions help a person to correct labels;
    queries do not depend on them. See the flags of the same names.
    """

    run_dir: str
    posterior: str
    num_samples: int
    disagreement_folds: int

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return config.build(cls)

    def run(
        self,
        fit: Callable[[Labels, int], Model],
        dataset: Dataset,
        labels: Labels,
        index: int,
        seed: Callable[[str], int],
    ) -> bool:
        """Predicts the next fold that is due in a round; returns whether there was one.

        The round's file holds `ids`, `[n]`, `probs`, float32 `[n, c]`, and `rounds`,
        `[n]`: the rounds of the networks that predicted them. Until a fold is predicted,
        it has predictions from earlier rounds: of their folds, and from before an item
        had a label. So the work can be stopped at any time, and goes on from the file.

        Args:
            fit: Returns a network trained on labels, with a seed.
            dataset: The data set as the network sees it.
            labels: Those that the round's model was trained on.
            index: The round.
            seed: Returns the round's seed for a purpose.
        """
        path = pathlib.Path(self.run_dir, out_of_fold_file(index))
        if (rows := _read(path)) is None:
            rows = self._earlier(labels, index)
            _write(path, rows)
        if len(labels) < _LEAST:
            return False
        folds_n = fold_of(labels.classes, self.disagreement_folds)
        for fold in range(self.disagreement_folds):
            apart = labels.ids[folds_n == fold]
            if all(rows.get(item, (-1,))[0] == index for item in apart.tolist()):
                continue
            others = Labels(labels.ids[folds_n != fold], labels.classes[folds_n != fold])
            model = fit(others, seed(f"fold {fold}"))
            predictor = predictor_for(model.network, self.posterior)
            images, masks = dataset.train.select(apart).images, seed(f"fold {fold} masks")
            probs = predictor.statistics(images, self.num_samples, masks).mean_probs
            rows |= {i: (index, p) for i, p in zip(apart.tolist(), probs, strict=True)}
            _write(path, rows)
            return True
        return False

    def _earlier(self, labels: Labels, index: int) -> _Rows:
        """Returns earlier rounds' predictions of labels by networks not trained on them."""
        paths = [pathlib.Path(self.run_dir, out_of_fold_file(i)) for i in range(index)]
        rows = next((found for path in reversed(paths) if (found := _read(path))), {})
        if index:
            rows |= self._before_they_had_labels(index - 1, len(labels))
        return {item: rows[item] for item in labels.ids.tolist() if item in rows}

    def _before_they_had_labels(self, index: int, count: int) -> _Rows:
        """Returns what a round's model predicted for items that it was not trained on.

        Empty if it was trained on less than half of `count` labels.
        """
        path = pathlib.Path(self.run_dir, predictions_file(index))
        with contextlib.suppress(*_DAMAGE), np.load(path, allow_pickle=False) as arrays:
            trained = arrays["trained"]
            # A model trained on far fewer labels says less than one trained on wrong labels.
            if 2 * trained.sum() >= count:
                ids, probs = arrays["ids"][~trained], arrays["probs"][~trained]
                return {item: (index, p) for item, p in zip(ids.tolist(), probs, strict=True)}
        return {}


def fold_of(classes_n: np.ndarray, folds: int) -> np.ndarray:
    """Returns the fold of each label, `[n]`; -1 (no fold) for the only label of a class.

    The labels of a class are dealt to the folds in turn, so that the other folds always
    have each class, and a label keeps its fold when labels are added.

    >>> fold_of(np.array([0, 0, 1, 0, 2, 1]), 2).tolist()
    [0, 1, 1, 0, -1, 0]
    """
    folds_n = np.full(len(classes_n), -1)
    for label in np.unique(classes_n):
        rows = np.flatnonzero(classes_n == label)
        if len(rows) > 1:
            folds_n[rows] = (np.arange(len(rows)) + label) % folds
    return folds_n


def _read(path: pathlib.Path) -> _Rows | None:
    with contextlib.suppress(*_DAMAGE), np.load(path, allow_pickle=False) as arrays:
        rows = zip(arrays["rounds"].tolist(), arrays["probs"], strict=True)
        return dict(zip(arrays["ids"].tolist(), rows, strict=True))
    return None


def _write(path: pathlib.Path, rows: _Rows) -> None:
    values = rows.values()
    arrays = {
        "ids": np.array(list(rows), np.str_),
        "probs": np.array([probs for _, probs in values], np.float32),
        "rounds": np.array([index for index, _ in values], np.int64),
    }
    write_atomically(path, npz(arrays, compressed=True))
