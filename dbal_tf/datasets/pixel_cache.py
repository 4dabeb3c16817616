"""Decoded images, kept on disk so that the next start takes seconds.

    $XDG_CACHE_HOME/dbal_tf/<digest of folder and options>/
        index.npz           files with sizes and times of change, shapes, thumbnails
        pixels-<token>.npy  pixel values, memory-mapped

The index is written last and names its pixels. If the folder cannot be written to, or
the disk is full, the images are kept in memory instead.
"""

import contextlib
import dataclasses
import hashlib
import io
import os
import pathlib
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
import PIL

from dbal_tf.datasets.near_copies import THUMBNAIL
from dbal_tf.store.files import BROKEN_ARRAYS, npz, write_atomically

_INDEX = "index.npz"
_STALE = 3600  # seconds since a file was last written to; its process was killed
_FORMAT = "2"  # of the files, and of what `decoding` returns


class MappedImages:
    """An array-like of images in a memory-mapped file; indexing reads nothing.

    Args:
        pixels: All images, uint8, shape `[m, h, w, k]`.
        rows: Rows of the images that this object holds, int64, shape `[n]`.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, pixels: np.ndarray, rows: np.ndarray) -> None:
        self._pixels, self._rows = pixels, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""
        return len(self._rows), *self._pixels.shape[1:]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        """Returns images that are not read yet; for an int, the pixels of one image."""
        if isinstance(rows, int | np.integer):
            return np.array(self._pixels[self._rows[rows]])
        if not isinstance(rows, slice):
            # An empty list would be an array of floats, which cannot index.
            rows = np.asarray(rows, None if len(rows) else np.int64)
        return MappedImages(self._pixels, self._rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("copy=False was asked for; images on disk are always read anew.")
        return np.asarray(self._pixels[self._rows], dtype)


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """What is known of the files of a folder, in the order of the pixels.

    Attributes:
        ids: As in `image_files.ImageFile`, shape `[n]`.
        states: The other fields of `image_files.ImageFile`, int64, `[n, 4]`.
        shapes: Shapes of the decoded files, int64, `[n, 3]`; 0 where unreadable.
        reasons: Why a file cannot be read, empty if it can, shape `[n]`.
        thumbnails: Grey, uint8, `[n, 32, 32]`.
        pixels: Name of the file of pixel values.
    """

    ids: np.ndarray
    states: np.ndarray
    shapes: np.ndarray
    reasons: np.ndarray
    thumbnails: np.ndarray
    pixels: str = ""

    @classmethod
    def empty(cls) -> Self:
        """Returns the index of no files."""
        states, shapes = np.zeros((0, 4), np.int64), np.zeros((0, 3), np.int64)
        thumbnails = np.zeros((0, THUMBNAIL, THUMBNAIL), np.uint8)
        text = np.zeros(0, np.str_)
        return cls(text, states, shapes, text, thumbnails)


@dataclasses.dataclass(frozen=True)
class PixelCache:
    """The cache of one folder of images with one set of options."""

    folder: pathlib.Path

    @classmethod
    def of(cls, images: pathlib.Path, *options: object) -> Self:
        """Returns the cache of a folder of images, read with some options."""
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        # Another version of the decoder may round differently.
        parts = (_FORMAT, PIL.__version__, os.fspath(images), *map(str, options))
        name = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
        return cls(pathlib.Path(base, "dbal_tf", name[:32]))

    def read(self) -> tuple[Index, np.ndarray | None]:
        """Returns the index and the memory-mapped pixels; if none, an empty index and None."""
        try:
            with np.load(self.folder / _INDEX, allow_pickle=False) as file:
                index = Index(**{name: file[name] for name in file.files if name != "pixels"})
                index = dataclasses.replace(index, pixels=str(file["pixels"]))
            pixels = np.load(self.folder / index.pixels, mmap_mode="r", allow_pickle=False)
        except (*BROKEN_ARRAYS, KeyError, TypeError):
            return Index.empty(), None
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or len(pixels) != len(index.ids):
            return Index.empty(), None
        return index, pixels

    def write_pixels(self, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> str:
        """Writes images block by block; returns the name of the file.

        Raises:
            OSError: The file could not be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        kept, stale = self.read()[0].pixels, time.time() - _STALE
        self._remove(lambda name, written: name != kept and written < stale)
        path = self.folder / f"pixels-{secrets.token_hex(8)}.npy"
        header = io.BytesIO()
        described = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, described)
        try:
            # Written, not mapped: on a full disk, writing to a mapped page kills the process.
            with open(path, "wb") as file:
                size = len(header.getvalue()) + int(np.prod(shape))
                os.posix_fallocate(file.fileno(), 0, max(1, size))
                file.write(header.getvalue())
                for block in blocks:
                    file.write(np.ascontiguousarray(block).data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return path.name

    def open_pixels(self, name: str) -> np.ndarray:
        """Returns the images of a file, memory-mapped."""
        return np.load(self.folder / name, mmap_mode="r", allow_pickle=False)

    def write_index(self, index: Index) -> None:
        """Writes the index, then removes older pixels than the index that it replaces.

        Raises:
            OSError: The file could not be written.
        """
        path, replaced = self.folder / _INDEX, 0.0
        with contextlib.suppress(FileNotFoundError):
            replaced = path.stat().st_mtime
        write_atomically(path, npz(vars(index)))
        # Another process may have written newer ones and not opened them yet.
        self._remove(lambda name, written: name != index.pixels and written <= replaced)

    def _remove(self, is_left: Callable[[str, float], bool]) -> None:
        """Removes files of pixels, chosen by name and time of writing.

        One that is still mapped lives until it is closed.
        """
        for pixels in self.folder.glob("pixels-*.npy"):
            with contextlib.suppress(OSError):
                if is_left(pixels.name, pixels.stat().st_mtime):
                    pixels.unlink()
