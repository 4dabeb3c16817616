"""Decodes the image files of a folder that are not in the cache."""

import concurrent.futures
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from dbal_tf.core import InputError
from dbal_tf.datasets import decoding
from dbal_tf.datasets.decoding import DecodeError
from dbal_tf.datasets.image_files import ImageFile
from dbal_tf.datasets.near_copies import THUMBNAIL
from dbal_tf.datasets.pixel_cache import Index, PixelCache

_AT_ONCE = 256  # images decoded before they are written
_THREADS = min(16, os.cpu_count() or 1)  # Pillow decodes without Python's lock.
_UNREAD = "it cannot be read"
T = TypeVar("T")


def load_pixels(
    folder: pathlib.Path,
    files: list[ImageFile],
    height_width: tuple[int, int] | None,
    how: str,
) -> tuple[Index, np.ndarray]:
    """Returns the pixels of image files, and what is known of each.

    Args:
        folder: The folder of the files.
        files: The files, at least one.
        height_width: Height and width to resize to; None: those of the images.
        how: How to resize; see `decoding.resize`.

    Returns:
        The index, and pixel values, uint8, `[n, h, w, k]`, 0 where a file cannot
        be read.

    Raises:
        InputError: The sizes differ and none was given, or no file can be read.
    """
    cache = PixelCache.of(folder, height_width, how)
    index, old = cache.read()
    places = {key: row for row, key in enumerate(_keys(index))}
    known = np.array([places.get(tuple(file), -1) for file in files], np.int64)
    # These are tried again: a change of permissions may not show in the times of files, and
    # another time there may be enough memory.
    again = [
        row
        for row, reason in enumerate(index.reasons.tolist())
        if reason.startswith((_UNREAD, decoding.NO_MEMORY))
    ]
    is_same = np.array_equal(known, np.arange(len(index.ids)))
    if old is not None and is_same and all(_fails(folder / index.ids[row]) for row in again):
        return index, old
    known[np.isin(known, again)] = -1
    new = _begun(folder, files, index, known)
    shape = _target(folder, new, known, height_width)
    if old is None or old.shape[1:] != shape:
        known[:] = -1
    blocks = functools.partial(_blocks, folder, new, old, known, shape, how)
    try:
        name = cache.write_pixels((len(files), *shape), blocks())
        pixels = cache.open_pixels(name)
        new = dataclasses.replace(_with_texts(new), pixels=name)
        cache.write_index(new)
    except OSError:
        pixels = np.concatenate(list(blocks()))
    return _with_texts(new), pixels


def _with_texts(index: Index) -> Index:
    # An array of objects would be written as a pickle.
    return dataclasses.replace(index, reasons=np.array(index.reasons.tolist(), np.str_))


def _keys(index: Index) -> list[tuple[Any, ...]]:
    states = index.states.tolist()
    return [(item, *state) for item, state in zip(index.ids.tolist(), states, strict=True)]


def _begun(
    folder: pathlib.Path, files: list[ImageFile], old: Index, known: np.ndarray
) -> Index:
    """Returns an index with the shapes in the headers of new files."""

    def look(row: int) -> tuple[tuple[int, int, int], str]:
        if known[row] >= 0:
            return tuple(old.shapes[known[row]]), str(old.reasons[known[row]])
        try:
            return decoding.probe(_content(folder / files[row].id)), ""
        except DecodeError as error:
            return (0, 0, 0), str(error)

    shapes, reasons = zip(*_parallel(look, range(len(files))), strict=True)
    thumbnails = np.zeros((len(files), THUMBNAIL, THUMBNAIL), np.uint8)
    thumbnails[known >= 0] = old.thumbnails[known[known >= 0]]
    return Index(
        np.array([file.id for file in files], np.str_),
        np.array([file[1:] for file in files], np.int64).reshape(-1, 4),
        np.array(shapes, np.int64).reshape(-1, 3),
        np.array(reasons, object),  # Reasons that are still to come may be longer.
        thumbnails,
    )


def _target(
    folder: pathlib.Path, index: Index, known: np.ndarray, height_width: tuple[int, int] | None
) -> tuple[int, int, int]:
    """Returns height, width and channels of all images.

    The files that decide it are decoded first, because the header of a damaged file may
    be wrong. Notes such files in the index.
    """

    @functools.cache
    def decodes(row: int) -> bool:
        if known[row] >= 0:
            return True
        try:
            decoding.decode(_content(folder / str(index.ids[row])))
        except ValueError as error:
            index.reasons[row], index.shapes[row] = str(error), 0
        return not index.reasons[row]

    def first(rows: np.ndarray) -> int | None:
        return next(filter(decodes, rows[index.shapes[rows, 0] > 0].tolist()), None)

    one = first(np.arange(len(index.ids)))
    most = first(np.argsort(-index.shapes[:, 2], kind="stable"))
    if one is None or most is None:
        raise InputError(
            f"None of the {len(index.ids)} image files can be read; the first is "
            f"{index.ids[0]}: {index.reasons[0]}; expected JPEG, PNG, BMP, GIF, WebP or TIFF."
        )
    channels, (h, w) = int(index.shapes[most, 2]), index.shapes[one, :2].tolist()
    if height_width:
        return *height_width, channels
    other = first(np.flatnonzero((index.shapes[:, :2] != (h, w)).any(axis=1)))
    if other is not None:
        y, x = index.shapes[other, :2]
        raise InputError(
            f"The images have several sizes: {index.ids[one]} is {h}x{w}, {index.ids[other]} "
            f"{y}x{x} pixels (height x width); give the size for all by --image_size, such as "
            "--image_size=64."
        )
    return h, w, channels


def _blocks(
    folder: pathlib.Path,
    index: Index,
    old: np.ndarray | None,
    known: np.ndarray,
    shape: tuple[int, int, int],
    how: str,
) -> Iterator[np.ndarray]:
    """Yields the pixels in blocks; writes thumbnails and reasons into the index."""

    def decode(row: int) -> np.ndarray:
        if old is not None and known[row] >= 0:
            return old[known[row]]
        if not index.reasons[row]:
            try:
                image = decoding.decode(_content(folder / str(index.ids[row])))
                side = (THUMBNAIL, THUMBNAIL)
                index.thumbnails[row] = decoding.resize(image, side, "stretch", 1)[..., 0]
                return decoding.resize(image, shape[:2], how, shape[2])
            except ValueError as error:
                index.reasons[row], index.shapes[row] = str(error), 0
        return np.zeros(shape, np.uint8)

    for start in range(0, len(known), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(known)))
        yield np.stack(_parallel(decode, rows))


def _fails(path: pathlib.Path) -> bool:
    try:
        decoding.decode(_content(path))
    except DecodeError:
        return True
    return False


def _content(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(f"{_UNREAD} ({error.strerror})") from error


def _parallel(function: Callable[[int], T], rows: range) -> list[T]:
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, rows))
