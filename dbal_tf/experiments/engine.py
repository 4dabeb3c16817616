"""Runs any experiment: what of its grid is not finished, then its report."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from dbal_tf import loop
from dbal_tf.artifacts import CurvePoint, Dataset
from dbal_tf.components.example_gen import ExampleGen
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.grid import Cell, Result, cells, chosen
from dbal_tf.experiments.groups import curves_by_name
from dbal_tf.experiments.outcome import is_published, read_run
from dbal_tf.experiments.registry import EXPERIMENTS
from dbal_tf.seeds import seed_for
from dbal_tf.store import csv_files
from dbal_tf.store.files import write_atomically
from dbal_tf.store.run_dir import CURVE_FILE, FLAGS_FILE, check_flags, check_run_dir
from dbal_tf.store.schema import FILE_NAME

_VARIED = ("acquisition", "repetition", "repetitions")


def run(config: Config, say: Callable[[str], Any]) -> dict[str, list[list[CurvePoint]]]:
    """Does an experiment's runs that are not finished, then writes its report.

    Each run has a folder of its own, from which it goes on. So a part of the
    runs can be done elsewhere (`--only`) and their folders be copied here.

    Args:
        config: The settings.
        say: Called with each line for the user.

    Returns:
        The curves of the runs that have begun, by variant and technique.

    Raises:
        InputError: A folder or the data do not fit the settings.
    """
    experiment = EXPERIMENTS[config.experiment]
    grid = cells(experiment, config)
    to_do = [] if config.report_only else chosen(grid, config.only)
    check_folders(config, grid)
    before = [_result(cell) for cell in grid]
    finished = {result.cell.path: result for result in before if result.is_finished}
    datasets = _load([cell for cell in to_do if cell.path not in finished])
    if grid[0].path and (to_do or any(result.record for result in before)):
        whole = config.replace(only=(), report_only=False)
        write_atomically(pathlib.Path(config.run_dir, FLAGS_FILE), whole.to_flags())
    for cell in to_do:
        say(f"{cell.name}, repetition {cell.config.repetition}: {cell.config.run_dir}")
        if cell.path in finished:
            say(f"finished before{_unless_exported(finished[cell.path])}")
            _write_curve(finished[cell.path])
        else:
            loop.run(cell.config, datasets[_split(cell.config)], say)
    results = [_result(cell) for cell in grid]
    for line in experiment.report(experiment, config, results):
        say(line)
    return curves_by_name(results)


def _write_curve(result: Result) -> None:
    """Writes a finished run's curve.csv if it was killed between commit and that."""
    folder = pathlib.Path(result.cell.config.run_dir)
    path, text = folder / CURVE_FILE, csv_files.curve_csv(result.record.curve)
    if not is_published(folder) and (not path.is_file() or path.read_text() != text):
        write_atomically(path, text)


def _unless_exported(result: Result) -> str:
    """Says how a run that was cut short gets its SavedModel."""
    folder = pathlib.Path(result.cell.config.run_dir)
    if is_published(folder) or any(folder.glob("export/[0-9]*/saved_model.pb")):
        return ""
    return f", but no model was exported; --rounds={len(result.record.curve)} exports one"


def check_folders(config: Config, grid: Sequence[Cell]) -> None:
    """Checks that an experiment may write to its folder; changes nothing on disk.

    The folder of a grid may be without flags if it holds runs of the grid, as
    it does after copying. It may get further techniques and repetitions.

    Raises:
        InputError: The folder cannot be written, holds something else, or
            holds a run of other flags.
    """
    folder = pathlib.Path(config.run_dir)
    if grid[0].path:
        if (folder / FILE_NAME).exists():
            raise InputError(
                f"--run_dir={folder} holds a single run; expected the folder of an experiment "
                "of several; choose another."
            )
        parts = {cell.path.split("/")[0] for cell in grid}
        check_run_dir(config, free=_VARIED, beside=parts)
    for cell in grid:
        cell_folder = pathlib.Path(cell.config.run_dir)
        if is_published(cell_folder):
            check_flags(cell.config, cell_folder / FLAGS_FILE)
        else:
            check_run_dir(cell.config)


def _load(remaining: Sequence[Cell]) -> dict[tuple[int, int], Dataset]:
    """Returns the data of each split, large enough for the runs that share it."""
    datasets: dict[tuple[int, int], Dataset] = {}
    for cell in remaining:
        if _split(cell.config) not in datasets:
            datasets[_split(cell.config)] = load(cell.config)
        loop.check_data(cell.config, datasets[_split(cell.config)])
    return datasets


def _split(config: Config) -> tuple[int, int]:
    """What of a cell's settings its data hangs on; the rest is the experiment's."""
    return config.repetition, config.initial_per_class


def _result(cell: Cell) -> Result:
    return Result(cell, read_run(pathlib.Path(cell.config.run_dir)))


def load(config: Config) -> Dataset:
    """Returns the data set, split for the repetition of the settings."""
    generate = ExampleGen(
        config.dataset,
        config.data_dir,
        config.initial_per_class,
        config.validation_size,
        config.classes,
        config.pool_size,
    )
    return generate.run(seed_for(config.seed, config.repetition, 0, "split"))
