"""Pictures of items: encoded from their pixels in two sizes, and cached in memory."""

import io
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from PIL import Image

from dbal_tf.labelling.sources import PixelSource

SIZES = {"full": 1600, "thumb": 192}
"""The longest side of a picture in pixels, by the name of the size."""

_MAX_BYTES = 256 * 2**20  # of encoded pictures
_LOSSLESS = 256  # the longest side of pictures that are sent as PNG

Picture = tuple[bytes, str]
"""An encoded picture and its media type."""


class Pictures:
    """Encodes pictures in background threads, and caches those that were used last.

    Args:
        source: Gives the pixels.
        max_bytes: Maximum total size of the cached pictures.
    """

    def __init__(self, source: PixelSource, max_bytes: int = _MAX_BYTES) -> None:
        self._source, self._max_bytes = source, max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Future[Picture]] = OrderedDict()
        self._bytes = 0
        self._pool = ThreadPoolExecutor(2, "pictures")

    def get(self, item: str, size: str) -> Picture:
        """Returns a picture.

        Args:
            item: The item's id.
            size: One of `SIZES`.

        Raises:
            Unavailable: The item has no picture.
        """
        return self._request(item, size).result()

    def prepare(self, items: Iterable[str]) -> None:
        """Begins to encode the pictures that will be asked for next."""
        for item in items:
            self._request(item, "full")

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(cancel_futures=True)

    def _request(self, item: str, size: str) -> Future[Picture]:
        key = item, size
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            # Cached at once, so that a picture that is requested twice is encoded once.
            future = self._kept[key] = self._pool.submit(self._make, item, size)
        future.add_done_callback(lambda _: self._note(key))
        return future

    def _make(self, item: str, size: str) -> Picture:
        return encode(shrink(self._source.pixels(item), SIZES[size]))

    def _note(self, key: tuple[str, str]) -> None:
        """Counts a finished picture, and drops the least recently used ones."""
        with self._lock:
            future = self._kept.get(key)
            if future is None:
                return
            if future.cancelled() or future.exception():
                # The file may be put back, so the next request tries again.
                del self._kept[key]
                return
            self._bytes += len(future.result()[0])
            for old in list(self._kept):
                if self._bytes <= self._max_bytes or old == key:
                    break
                if self._kept[old].done():
                    self._bytes -= len(self._kept.pop(old).result()[0])


def shrink(image_hwk: np.ndarray, longest: int) -> Image.Image:
    """Returns an image whose longer side is at most `longest` pixels.

    Args:
        image_hwk: uint8, shape `[h, w, k]`, k = 1 or 3.
        longest: In pixels; smaller images stay as they are.
    """
    image = Image.fromarray(image_hwk[..., 0] if image_hwk.shape[-1] == 1 else image_hwk)
    # Averages whole blocks first, which makes it several times as fast.
    image.thumbnail((longest, longest), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return image


def encode(image: Image.Image) -> Picture:
    """Encodes an image: PNG if it is small, where each pixel counts, else JPEG."""
    content = io.BytesIO()
    if max(image.size) <= _LOSSLESS:
        image.save(content, "PNG", compress_level=1)
        return content.getvalue(), "image/png"
    image.save(content, "JPEG", quality=90)
    return content.getvalue(), "image/jpeg"
