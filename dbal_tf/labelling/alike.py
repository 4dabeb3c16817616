"""Finds images that look alike, by comparing small grey thumbnails."""

import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image

from dbal_tf.labelling.sources import PixelSource, Unavailable

_SIDE = 8  # pixels of a thumbnail
MAX_ITEMS = 20_000
_PATIENCE = 1.0  # seconds


class Alike:
    """Finds the images that look most like a given one.

    Thumbnails are made in a background thread when they are first needed. An image
    is found only once its thumbnail is ready.

    Args:
        source: Gives the pixels.
    """

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self._thumbnails: dict[str, np.ndarray | None] = {}
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._ended = threading.Event()

    def nearest(self, item: str, candidates: Sequence[str], count: int) -> list[str]:
        """Returns the candidates that look most like an item, nearest first.

        Args:
            item: The item; it is never returned itself.
            candidates: Items to compare with; only the first 20,000 are used.
            count: The largest number of items to return.
        """
        candidates = candidates[:MAX_ITEMS]
        self._prepare([item, *candidates])
        wanted = self._thumbnails.get(item)
        ready = [
            (other, thumbnail)
            for other in candidates
            if other != item and (thumbnail := self._thumbnails.get(other)) is not None
        ]
        if wanted is None or not ready:
            return []
        thumbnails = np.stack([thumbnail for _, thumbnail in ready])
        distances = ((thumbnails - wanted) ** 2).sum(axis=1)
        return [ready[row][0] for row in np.argsort(distances, kind="stable")[:count]]

    def close(self) -> None:
        """Ends the thread."""
        self._ended.set()

    def _prepare(self, items: Sequence[str]) -> None:
        """Starts making missing thumbnails, and waits a moment for them."""
        missing = [item for item in items if item not in self._thumbnails]
        if not missing:
            return
        with self._lock:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(
                    target=self._make, args=(missing,), name="thumbnails", daemon=True
                )
                self._worker.start()
            worker = self._worker
        worker.join(_PATIENCE)

    def _make(self, items: Sequence[str]) -> None:
        for item in items:
            if self._ended.is_set():
                return
            try:
                self._thumbnails[item] = thumbnail(self._source.pixels(item))
            except Unavailable:
                self._thumbnails[item] = None


def thumbnail(image_hwk: np.ndarray) -> np.ndarray:
    """Returns the 64 grey values of an image reduced to 8x8, float32, shape `[64]`."""
    image = Image.fromarray(image_hwk[..., 0] if image_hwk.shape[-1] == 1 else image_hwk)
    # A box filter averages, so each pixel of the image counts.
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small, np.float32).ravel()
