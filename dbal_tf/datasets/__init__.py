"""Data sets by name: each name of `--dataset` is a module with a function `load`.

A module is imported only when its data set is loaded, because some of their
libraries take seconds to import.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

from dbal_tf.config import DATASETS
from dbal_tf.datasets.source import Source


def _load(name: str, data_dir: str, *options: Any) -> Source:
    return importlib.import_module(f"dbal_tf.datasets.{name}").load(data_dir, *options)


LOADERS: dict[str, Callable[..., Source]] = {
    name: functools.partial(_load, name) for name in DATASETS
}
"""From the name of a data set to the function that loads it from `--data_dir`.

The function for `image_folder` also takes `image_folder.FolderOptions`.
"""
