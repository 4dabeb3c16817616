"""The program of each experiment: the engine for grids, or a separate program."""

from collections.abc import Callable
from typing import Any

from dbal_tf.config import GRIDS, Config
from dbal_tf.experiments import engine, table2

PROGRAMS: dict[str, Callable[[Config, Callable[[str], Any]], Any]] = {
    **dict.fromkeys(GRIDS, engine.run),
    "table2": table2.run,
}
"""The programs, by the names that `--experiment` takes."""


def run(config: Config, say: Callable[[str], Any]) -> None:
    """Does the unfinished part of an experiment, then writes its report.

    Args:
        config: The settings.
        say: Called with each line for the user.

    Raises:
        InputError: A folder or the data do not match the settings.
    """
    PROGRAMS[config.experiment](config, say)
