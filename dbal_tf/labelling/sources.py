"""Where the pixels of an item come from."""

import contextlib
import importlib
import os
import pathlib
from collections.abc import Callable
from typing import Protocol

import numpy as np

from dbal_tf.artifacts import Dataset
from dbal_tf.config import Config
from dbal_tf.core import InputError

Decode = Callable[[bytes], np.ndarray]
"""Decodes the content of an image file to uint8 `[h, w, k]`; raises ValueError on failure."""


class Unavailable(Exception):
    """An item has no picture; the text is a sentence for the person at the page."""


class PixelSource(Protocol):
    """Gives the pixels of an item."""

    def pixels(self, item: str) -> np.ndarray:
        """Returns uint8 `[h, w, k]`; raises `Unavailable`."""


class FolderSource:
    """Image files whose ids are their paths, relative to a folder.

    Args:
        folder: The folder.
        decode: Decodes a file to the pixels that the network sees.
    """

    def __init__(self, folder: pathlib.Path, decode: Decode) -> None:
        self._folder, self._decode = folder, decode

    def pixels(self, item: str) -> np.ndarray:
        """Returns uint8 `[h, w, k]`; see `PixelSource`."""
        try:
            root = self._folder.resolve(strict=True)
            path = (root / item).resolve(strict=True)
            # A link may lead anywhere; files outside the folder are not shown.
            if not path.is_relative_to(root) or not path.is_file():
                raise Unavailable(f"{item} is not a file in the data folder.")
            return self._decode(path.read_bytes())
        # RuntimeError: links that lead to each other, before Python 3.13.
        except (OSError, ValueError, RuntimeError) as error:
            raise Unavailable(f"{item} cannot be shown.") from error


class ArraySource:
    """Images in memory.

    Args:
        ids: Item ids, shape `[n]`.
        images: uint8, shape `[n, h, w, k]`.
    """

    def __init__(self, ids: np.ndarray, images: np.ndarray) -> None:
        self._rows = {item: row for row, item in enumerate(ids.tolist())}
        self._images = images

    def pixels(self, item: str) -> np.ndarray:
        """Returns uint8 `[h, w, k]`; see `PixelSource`."""
        if (row := self._rows.get(item)) is None:
            raise Unavailable(f"{item} is not in the data set.")
        return np.asarray(self._images[row])


class DatasetSource:
    """The images of a data set, as the network sees them.

    Args:
        dataset: Holds the images.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def pixels(self, item: str) -> np.ndarray:
        """Returns uint8 `[h, w, k]`; see `PixelSource`."""
        for part in (self._dataset.train, self._dataset.test):
            with contextlib.suppress(KeyError):
                return np.asarray(part.select(np.array([item])).images)[0]
        raise Unavailable(f"{item} is not in the data set.")


def open_source(config: Config) -> PixelSource:
    """Returns the images of a run's data set, without TensorFlow.

    Args:
        config: The run's settings.

    Raises:
        InputError: The data cannot be found, or need TensorFlow to be read.
    """
    if config.dataset == "image_folder":
        folder = pathlib.Path(os.path.expanduser(config.data_dir))
        if not folder.is_dir():
            raise InputError(
                f"--data_dir={config.data_dir} is not a folder; expected the run's images; "
                "start from the folder where the run was started, or give --data_dir."
            )
        # Imported by name: other modules of its package need TensorFlow.
        decode = importlib.import_module("dbal_tf.datasets.decoding").decode
        return FolderSource(folder, decode)
    if config.dataset == "digits" or (config.dataset == "mnist" and config.data_dir):
        source = importlib.import_module(f"dbal_tf.datasets.{config.dataset}").load(
            config.data_dir
        )
        parts = source.train, source.test
        ids, images = ([getattr(p, name) for p in parts] for name in ("ids", "images"))
        return ArraySource(np.concatenate(ids), np.concatenate(images))
    raise InputError(
        f"--dataset={config.dataset} cannot be shown on the page, which reads image folders, "
        "digits, and mnist with --data_dir; use one of these or --oracle=csv."
    )
