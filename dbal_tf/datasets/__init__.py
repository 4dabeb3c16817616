"""The data sets that `--dataset` names: each has a module with a `load`.

A module is imported when its data set is loaded, so that this room costs
nothing to enter.
"""

import functools
import importlib
from collections.abc import Callable

from dbal_tf.datasets.source import Source


def _load(name: str, data_dir: str) -> Source:
    return importlib.import_module(f"dbal_tf.datasets.{name}").load(data_dir)


LOADERS: dict[str, Callable[[str], Source]] = {
    name: functools.partial(_load, name) for name in ("digits", "mnist", "tfrecord")
}
"""From the value of `--dataset` to what loads it from `--data_dir`."""
