"""`--experiment=table2`: semi-supervised systems beside active learning, at equal labels.

    <run_dir>/flags.cfg
    <run_dir>/vat/0/            a fit: system and repetition
    <run_dir>/active/bald/0/    a run of figure1, or its published results, copied here
    <run_dir>/bought/bald/vat/0/    a fit on labels that bald bought, copied here
    <run_dir>/report.html, report.md

Each fit has its own folder, so some can be done elsewhere (`--only`) and
copied here.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

from dbal_tf.baselines.semi_supervised import registry
from dbal_tf.baselines.semi_supervised.system import System
from dbal_tf.config import SEMI_SUPERVISED, VARIANTS, Config
from dbal_tf.core import InputError, Say
from dbal_tf.experiments import table2_report
from dbal_tf.experiments.active_rows import ACTIVE_DIR, read_active
from dbal_tf.experiments.bought_rows import BOUGHT_DIR, read_bought_fits
from dbal_tf.experiments.fit import VARIED, Fit
from dbal_tf.experiments.fit_result import FitResult, read_result
from dbal_tf.experiments.grid import chosen
from dbal_tf.experiments.labelled_sets import LabelledSet, labelled_set
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.run_dir import check_run_dir, keep_grid_flags


def run(config: Config, say: Say) -> dict[str, FitResult]:
    """Does the fits that have not ended, then writes the report of all fits.

    Args:
        config: The settings.
        say: Called with each line for the user.

    Returns:
        The results of the fits that have ended, by their paths.

    Raises:
        InputError: A folder, the data or the run of `--labels_from` do not match
            the settings.
    """
    grid = fits(config)
    to_do = [] if config.report_only else chosen(grid, config.only)
    # Fits take hours, so everything is checked before the first.
    check_folders(config, grid)
    ended = _results(grid)
    # Read only to find errors early: the report reads again, as runs may be copied meanwhile.
    read_active(config)
    read_bought_fits(config)
    sets = _sets(to_do, grid)
    systems = {fit.path: _make(fit) for fit in to_do if fit.path not in ended}
    if to_do or ended:
        keep_grid_flags(config)
    for number, fit in enumerate(to_do, start=1):
        say(f"{fit.path}, {number} of {len(to_do)}: {fit.folder}")
        if fit.path in ended:
            say("finished before")
        else:
            fit.run(systems[fit.path], sets[fit.config.repetition], say)
    ended = _results(grid)
    beside = read_active(config), read_bought_fits(config)
    for line in table2_report.write(config, grid, ended, *beside):
        say(line)
    return ended


def fits(config: Config) -> list[Fit]:
    """Returns the fits of the settings, repetition by repetition."""
    return [
        # Repetitions are the outer loop: after a stop, systems have about equally many.
        Fit(name, f"{name}/{repetition}", config.replace(**_alone(repetition)))
        for repetition in range(config.repetition, config.repetition + config.repetitions)
        for name in config.systems
    ]


def _alone(repetition: int) -> dict[str, Any]:
    return {"repetition": repetition, "repetitions": 1, "only": (), "report_only": False}


def check_folders(config: Config, grid: Sequence[Fit]) -> None:
    """Checks that the table may be written to its folder; changes nothing on disk.

    Raises:
        InputError: The folder cannot be written, or holds something else.
    """
    folder = pathlib.Path(config.run_dir)
    if (folder / STORE_FILE).exists():
        raise InputError(
            f"--run_dir={folder} holds a single run; expected a new folder, or one of "
            "--experiment=table2; choose another."
        )
    beside = (*SEMI_SUPERVISED, *VARIANTS, ACTIVE_DIR, BOUGHT_DIR)
    check_run_dir(config, free=VARIED, beside=beside)
    for fit in grid:
        fit.check_folder()


def _results(grid: Sequence[Fit]) -> dict[str, FitResult]:
    found = {fit.path: read_result(fit.folder) for fit in grid}
    return {path: result for path, result in found.items() if result}


def _sets(to_do: Sequence[Fit], grid: Sequence[Fit]) -> dict[int, LabelledSet]:
    """Returns the labelled set of each repetition that has a fit to do.

    All fits in a folder must learn from the same labels, also those of earlier commands.
    """
    repetitions = {fit.config.repetition for fit in to_do}
    first = {fit.config.repetition: fit.config for fit in reversed(grid)}
    sets = {one: labelled_set(first[one]) for one in sorted(repetitions)}
    for fit in grid:
        if fit.config.repetition in sets:
            fit.check_given(sets[fit.config.repetition])
    return sets


def _make(fit: Fit) -> System:
    return registry.make(fit.system, fit.config.schedule)
