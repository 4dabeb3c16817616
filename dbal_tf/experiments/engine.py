"""The engine of experiments: does the unfinished runs of a grid, then writes its report."""

import contextlib
import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from dbal_tf import loop
from dbal_tf.artifacts import CurvePoint, Dataset
from dbal_tf.components.example_gen import ExampleGen, check_data, load
from dbal_tf.components.oracle import make_oracle
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.grid import Cell, Experiment, Result, cells, chosen
from dbal_tf.experiments.groups import curves_by_name
from dbal_tf.experiments.outcome import DamagedStoreError, read_run
from dbal_tf.experiments.registry import EXPERIMENTS
from dbal_tf.seeds import seed_for
from dbal_tf.store import csv_files
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import CURVE_FILE, EXPORT_DIR, FLAGS_FILE, STORE_FILE
from dbal_tf.store.published import is_published
from dbal_tf.store.recovery import save_what_is_left
from dbal_tf.store.run_dir import check_flags, check_run_dir, keep_grid_flags

_VARIED = ("acquisition", "repetition", "repetitions")
_DataKey = tuple[ExampleGen, int]
_TEN_CLASSES = ("digits", "mnist")  # Data sets of the ten digits.


def run(config: Config, say: Callable[[str], Any]) -> dict[str, list[list[CurvePoint]]]:
    """Does the unfinished runs of an experiment, then writes its report.

    Each run resumes from its own folder, so some of them can be done elsewhere
    (`--only`) and their folders copied here.

    Args:
        config: The settings.
        say: Called with each line for the user.

    Returns:
        The curves of the runs that have begun, by variant and technique.

    Raises:
        InputError: A folder or the data do not match the settings.
    """
    experiment = EXPERIMENTS[config.experiment]
    grid = cells(experiment, config, functools.cache(lambda: count_classes(experiment, config)))
    to_do = [] if config.report_only else chosen(grid, config.only)
    # A grid takes hours, so everything is checked before its first run.
    check_folders(config, grid)
    before = [_result(cell, may_save=cell in to_do) for cell in grid]
    finished = {result.cell.path: result for result in before if result.is_finished}
    datasets = _load([cell for cell in to_do if cell.path not in finished])
    if grid[0].path and (to_do or any(result.record for result in before)):
        keep_grid_flags(config)
    for cell in to_do:
        say(f"{cell.name}, repetition {cell.config.repetition}: {cell.config.run_dir}")
        if cell.path in finished:
            say(f"finished before{_unless_exported(finished[cell.path])}")
            _write_curve(finished[cell.path])
        else:
            loop.run(cell.config, datasets[_data_key(cell.config)], say)
    results = [_result(cell) for cell in grid]
    for line in experiment.report(experiment, config, results):
        say(line)
    return curves_by_name(results)


def count_classes(experiment: Experiment, config: Config) -> int:
    """Returns the number of classes of the data set, without reading images if possible.

    It follows from the data set's name, or from the first round of any run of
    the experiment: a run begins with `initial_per_class` labels of each class.
    If no run has a round, the data are read, except for a report.

    Raises:
        InputError: A folder or the data cannot be used.
    """
    if config.dataset in _TEN_CLASSES:
        return 10
    # These cells lack only the number of rounds, which the checks of their folders
    # do not need.
    grid = cells(experiment, config, lambda: 0)
    check_folders(config, grid)
    for cell in grid:
        # A damaged store is reported later, when the run itself is read.
        with contextlib.suppress(DamagedStoreError):
            named = cell.config.classes or cell.config.initial_counts
            if not named and (curve := _result(cell).outcome.curve):
                return curve[0].labels // cell.config.initial_per_class
    if config.report_only:
        return 1  # Without a round there is no report, so the number is not used.
    return len(load(config).class_names)


def _write_curve(result: Result) -> None:
    """Writes curve.csv of a finished run that was killed after its commit, before the file."""
    folder = pathlib.Path(result.cell.config.run_dir)
    path, text = folder / CURVE_FILE, csv_files.curve_csv(result.outcome.curve)
    if not is_published(folder) and (not path.is_file() or path.read_text() != text):
        write_atomically(path, text)


def _unless_exported(result: Result) -> str:
    """Returns how to export the SavedModel of a run that ended early; empty if it has one."""
    folder = pathlib.Path(result.cell.config.run_dir)
    if result.cell.config.export_every < 0:
        return ""
    if is_published(folder) or any(folder.glob(f"{EXPORT_DIR}/[0-9]*/saved_model.pb")):
        return ""
    return f", but no model was exported; --rounds={len(result.outcome.curve)} exports one"


def check_folders(config: Config, grid: Sequence[Cell]) -> None:
    """Checks that an experiment may write to its folder; changes nothing on disk.

    The folder may lack a flagfile if it holds runs of the grid, which may have
    been copied there. Further techniques and repetitions may be added to it.

    Raises:
        InputError: The folder cannot be written, holds something else, or
            holds a run with other flags.
    """
    folder = pathlib.Path(config.run_dir)
    if grid[0].path:
        if (folder / STORE_FILE).exists():
            raise InputError(
                f"--run_dir={folder} holds a single run; expected the folder of an experiment "
                "of several; choose another."
            )
        parts = {cell.path.split("/")[0] for cell in grid}
        check_run_dir(config, free=_VARIED, beside=parts)
    for cell in grid:
        cell_folder = pathlib.Path(cell.config.run_dir)
        # Published results have no store, which a run's own folder must have.
        if is_published(cell_folder):
            check_flags(cell.config, cell_folder / FLAGS_FILE)
        else:
            check_run_dir(cell.config)


def _load(remaining: Sequence[Cell]) -> dict[_DataKey, Dataset]:
    """Returns the data of the runs, each data set once, checked to suffice for every run."""
    datasets: dict[_DataKey, Dataset] = {}
    for cell in remaining:
        key = _data_key(cell.config)
        if key not in datasets:
            datasets[key] = load(cell.config)
        check_data(cell.config, datasets[key])
        make_oracle(cell.config, datasets[key]).check()
    return datasets


def _result(cell: Cell, may_save: bool = False) -> Result:
    """Reads how far a run is.

    Args:
        cell: The run.
        may_save: Whether to save what can be read of a damaged store beside
            it. This is done for a run that is to resume, never for a report.
    """
    try:
        return Result(cell, read_run(pathlib.Path(cell.config.run_dir)))
    except DamagedStoreError as damage:
        if not may_save:
            raise
        raise InputError(save_what_is_left(damage.run_dir, damage.problem)) from damage


def _data_key(config: Config) -> _DataKey:
    """Returns everything that a run's data depend on: how they are made, and the seed."""
    seed = seed_for(config.seed, config.repetition, 0, "split")
    return ExampleGen.from_config(config), seed
