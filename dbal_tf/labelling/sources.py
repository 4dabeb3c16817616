"""Where the pixels of an item come from."""

import contextlib
import importlib
import os
import pathlib
from typing import Protocol

import numpy as np

from dbal_tf.artifacts import Examples
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.datasets.decoding import decode


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
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def pixels(self, item: str) -> np.ndarray:
        """Returns uint8 `[h, w, k]`; see `PixelSource`."""
        try:
            root = self._folder.resolve(strict=True)
            path = (root / item).resolve(strict=True)
            # A link may lead anywhere; files outside the folder are not shown.
            if not path.is_relative_to(root) or not path.is_file():
                raise Unavailable(f"{item} is not a file in the data folder.")
            return decode(path.read_bytes())
        # RuntimeError: links that lead to each other, before Python 3.13.
        except (OSError, ValueError, RuntimeError) as error:
            raise Unavailable(f"{item} cannot be shown.") from error


class DatasetSource:
    """The images of a data set, as the network sees them.

    Args:
        parts: The images, in one or more parts.
    """

    def __init__(self, *parts: Examples) -> None:
        self._parts = parts

    def pixels(self, item: str) -> np.ndarray:
        """Returns uint8 `[h, w, k]`; see `PixelSource`."""
        for part in self._parts:
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
        return FolderSource(folder)
    if config.dataset == "digits" or (config.dataset == "mnist" and config.data_dir):
        # Imported by name: other modules of its package need TensorFlow.
        source = importlib.import_module(f"dbal_tf.datasets.{config.dataset}").load(
            config.data_dir
        )
        return DatasetSource(source.train, source.test)
    raise InputError(
        f"--dataset={config.dataset} cannot be shown on the page, which reads image folders, "
        "digits, and mnist with --data_dir; use one of these or --oracle=csv."
    )
