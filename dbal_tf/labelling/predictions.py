"""What networks predict for the items that a person sees."""

import contextlib
import pathlib
from collections.abc import Mapping

import numpy as np

from dbal_tf.store.files import BROKEN_ARRAYS
from dbal_tf.store.layout import out_of_fold_file, predictions_file

Probs = Mapping[str, np.ndarray]
"""The probabilities `[c]` of items."""

_NONE: Probs = {}


class Predictions:
    """Reads the predictions of rounds, each file once.

    Args:
        run_dir: The run's folder.
    """

    def __init__(self, run_dir: pathlib.Path) -> None:
        self._run_dir = run_dir
        self._kept: dict[str, tuple[tuple[str, int], Probs]] = {}
        self._joined: tuple[Probs, Probs, Probs] = (_NONE, _NONE, _NONE)

    def of_model(self, last_round: int | None) -> Probs:
        """Returns what the last round's model predicts."""
        if last_round is None:
            return _NONE
        return self._read("model", predictions_file(last_round)) or _NONE

    def out_of_sample(self, last_round: int | None) -> Probs:
        """Returns predictions for each item by a network that was not trained on it.

        Items without such a prediction have that of the last round's model. The same
        object is returned until a file has changed.
        """
        model, apart = self.of_model(last_round), _NONE
        # Until all folds of a round are done, its file also has those of earlier rounds.
        for index in reversed(range(0 if last_round is None else last_round + 1)):
            if (found := self._read("apart", out_of_fold_file(index))) is not None:
                apart = found
                break
        if self._joined[0] is not model or self._joined[1] is not apart:
            self._joined = model, apart, {**model, **apart}
        return self._joined[2]

    def _read(self, kind: str, name: str) -> Probs | None:
        """Returns what is in a file; None if there is none, or it cannot be read."""
        path = self._run_dir / name
        # The files are optional: a person can label without predictions.
        with contextlib.suppress(*BROKEN_ARRAYS, KeyError):
            key = name, path.stat().st_mtime_ns
            if kind not in self._kept or self._kept[kind][0] != key:
                with np.load(path, allow_pickle=False) as arrays:
                    rows = zip(arrays["ids"].tolist(), arrays["probs"], strict=True)
                    self._kept[kind] = key, dict(rows)
            return self._kept[kind][1]
        return None


def as_json(probs: np.ndarray | None) -> dict[str, int | list[float]] | None:
    """Returns `{"class": ..., "probs": [...]}` for the page; None if there is none."""
    if probs is None:
        return None
    return {"class": int(probs.argmax()), "probs": [round(float(p), 4) for p in probs]}
