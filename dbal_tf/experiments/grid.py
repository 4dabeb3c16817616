"""What an experiment varies, and the runs that this makes.

An experiment is data: techniques and repetitions come from the flags, what
else varies from its variants. All its runs share seeds, so all runs of a
repetition that begin with as many labels begin with the same ones.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dbal_tf.artifacts import CurvePoint
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.experiments.paper import Published

_CLASSES = 10  # Of mnist and digits alike.


@dataclasses.dataclass(frozen=True)
class Variant:
    """Settings under which every technique of an experiment runs.

    Attributes:
        folder: Its folder below `--run_dir`; empty if there is one variant.
        title: Its name in the report.
        changes: The settings that it changes. The number of rounds follows,
            so that all variants end with as many labels.
        published: What its runs are compared with; None: nothing.
        techniques: Those of `--acquisition` that run under it; empty: all.
        baseline: The folder of the variant whose random its runs are compared
            with, if random does not run under it; empty: none.
    """

    folder: str = ""
    title: str = ""
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published: Published | None = None
    techniques: tuple[str, ...] = ()
    baseline: str = ""

    def settings(self, config: Config) -> Config:
        """Returns the settings with the variant's changes."""
        changed = config.replace(**self.changes)
        classes = len(config.classes) or _CLASSES
        fewer = classes * (config.initial_per_class - changed.initial_per_class)
        bought = config.rounds * config.acquisition_size + fewer
        return changed.replace(rounds=max(0, bought // changed.acquisition_size))


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of an experiment.

    Attributes:
        variant: What it belongs to.
        path: Its folder below the experiment's, such as `bald/0`.
        config: Its settings: those of an `--experiment=run` of its own.
    """

    variant: Variant
    path: str
    config: Config

    @property
    def acquisition(self) -> str:
        """The technique."""
        return self.config.acquisition[0]

    @property
    def name(self) -> str:
        """What all repetitions share: variant and technique."""
        return ", ".join(filter(None, (self.variant.title, self.acquisition)))


@dataclasses.dataclass(frozen=True)
class Result:
    """A run and what its store says; None: it has not begun."""

    cell: Cell
    record: Outcome | None

    @property
    def curve(self) -> list[CurvePoint]:
        """The committed rounds, as far as the settings go."""
        return self.record.curve[: self.cell.config.rounds + 1] if self.record else []

    @property
    def is_finished(self) -> bool:
        """Whether all its rounds are committed."""
        return len(self.curve) > self.cell.config.rounds


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A named grid of runs and the report that compares them.

    Attributes:
        title: Stands above the report.
        report: Writes the report of what there is; returns lines to say.
        variants: What varies beside technique and repetition.
        panels: What has a plot of its own: each `variant`, each `acquisition`, or
            each `measure` that is the error.
        captions: Sentences below the plots.
        checkpoints: Numbers of labels at which the tables show errors.
        thresholds: Errors, shares, whose first crossing the tables show.
    """

    title: str
    report: Callable[["Experiment", Config, Sequence[Result]], list[str]]
    variants: tuple[Variant, ...] = (Variant(),)
    panels: str = "variant"
    captions: tuple[str, ...] = ()
    checkpoints: tuple[int, ...] = (100, 300, 1000)
    thresholds: tuple[float, ...] = (0.10, 0.05)


def cells(experiment: Experiment, config: Config) -> list[Cell]:
    """Returns an experiment's runs, repetition by repetition.

    Each has `<run_dir>/<variant>/<acquisition>/<repetition>`, but a single
    `--experiment=run` has `run_dir` itself.

    Raises:
        InputError: No technique of `--acquisition` is one of the experiment.
    """
    repetitions = range(config.repetition, config.repetition + config.repetitions)
    if config.experiment == "run" and len(config.acquisition) == len(repetitions) == 1:
        return [Cell(experiment.variants[0], "", config)]
    grid = [
        _cell(variant, config, name, repetition)
        for repetition in repetitions
        for variant in experiment.variants
        for name in config.acquisition
        if name in (variant.techniques or config.acquisition)
    ]
    if not grid:
        known = dict.fromkeys(name for one in experiment.variants for name in one.techniques)
        raise InputError(
            f"--acquisition={','.join(config.acquisition)} has no run in --experiment="
            f"{config.experiment}; expected some of {', '.join(known)}."
        )
    return grid


def _cell(variant: Variant, config: Config, name: str, repetition: int) -> Cell:
    path = pathlib.PurePosixPath(variant.folder, name, str(repetition))
    one = variant.settings(config).replace(
        experiment="run",
        acquisition=(name,),
        repetition=repetition,
        repetitions=1,
        run_dir=str(pathlib.Path(config.run_dir, path)),
        only=(),
        report_only=False,
    )
    return Cell(variant, str(path), one)


def chosen(all_cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    """Returns the runs that lie in one of the folders `only`; all if it is empty.

    Raises:
        InputError: A folder of `only` holds no run of the experiment.
    """
    folders = [pathlib.PurePosixPath(folder) for folder in only]
    paths = {cell.path: pathlib.PurePosixPath(cell.path) for cell in all_cells}
    for folder in folders:
        if not any(path.is_relative_to(folder) for path in paths.values()):
            known = (
                f"one of {', '.join(paths)}, or a folder above"
                if paths.keys() - {""}
                else "none"
            )
            raise InputError(
                f"--only={folder} names no run of the experiment; expected {known}."
            )
    return [
        cell
        for cell in all_cells
        if not only or any(paths[cell.path].is_relative_to(folder) for folder in folders)
    ]
