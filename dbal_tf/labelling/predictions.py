"""What the last model predicts of the items that a person sees."""

import pathlib
import zipfile

import numpy as np

from dbal_tf.store.layout import predictions_file


class Predictions:
    """Reads the predictions of rounds, each file once.

    Args:
        run_dir: The run's folder.
    """

    def __init__(self, run_dir: pathlib.Path) -> None:
        self._run_dir = run_dir
        self._read: tuple[int, dict[str, int], np.ndarray] | None = None

    def probs(self, item: str, last_round: int | None) -> np.ndarray | None:
        """Returns the probabilities `[c]` by the last round's model; None if not known."""
        if last_round is None:
            return None
        if self._read is None or self._read[0] != last_round:
            self._load(last_round)
        if self._read is None or item not in self._read[1]:
            return None
        _, rows, probs_nc = self._read
        return probs_nc[rows[item]]

    def _load(self, index: int) -> None:
        path = self._run_dir / predictions_file(index)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                ids, probs_nc = arrays["ids"], arrays["probs"]
        # Without predictions a person can label as well: the file is of use, not needed.
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            self._read = None
            return
        rows = {item: row for row, item in enumerate(ids.tolist())}
        self._read = index, rows, probs_nc


def as_json(probs: np.ndarray | None) -> dict[str, int | list[float]] | None:
    """Returns `{"class": ..., "probs": [...]}` for the page; None if there is none."""
    if probs is None:
        return None
    return {"class": int(probs.argmax()), "probs": [round(float(p), 4) for p in probs]}
