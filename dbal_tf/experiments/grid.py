"""What an experiment varies, and its runs.

An experiment is data: techniques and repetitions come from the flags, everything
else that varies from its variants. All runs share one root seed, so runs of the
same repetition that begin with the same number of labels begin with the same labels.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from dbal_tf.artifacts import CurvePoint
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.experiments.paper import Published
from dbal_tf.reporting.curves import THRESHOLDS
from dbal_tf.reporting.page import Table


@dataclasses.dataclass(frozen=True)
class Variant:
    """Settings under which every technique of an experiment runs.

    Attributes:
        folder: Its folder below `--run_dir`; empty if there is one variant.
        title: Its name in the report.
        changes: The settings that it changes. The number of rounds follows,
            so that all variants end with equally many labels.
        published: The published results that its runs are compared with; None if
            there are none.
        techniques: Those of `--acquisition` that run under it; empty: all.
        baseline: The folder of another variant, whose runs of random are the
            baseline if this variant has none; empty: none.
    """

    folder: str = ""
    title: str = ""
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published: Published | None = None
    techniques: tuple[str, ...] = ()
    baseline: str = ""

    def runs(self, config: Config) -> tuple[str, ...]:
        """Returns the techniques of the settings that run under it; may be empty."""
        return tuple(
            name for name in config.acquisition if name in (self.techniques or (name,))
        )

    def settings(self, config: Config, count_classes: Callable[[], int]) -> Config:
        """Returns the settings with the variant's changes and the techniques that it runs.

        Args:
            config: The experiment's settings, with at least one technique that runs under it.
            count_classes: Returns the number of classes of all data; called
                only if the variant begins with more or fewer labels.
        """
        # The changes may be invalid for techniques that the variant does not run.
        changed = config.replace(
            # Otherwise a default folder would be named after the changes.
            run_dir=config.run_dir,
            acquisition=self.runs(config),
            **self.changes,
        )
        both = config, changed
        starts = [(one.initial_per_class, one.initial_counts, one.classes) for one in both]
        to_buy = config.rounds * config.acquisition_size
        # Counting may read the data, so it is done only where it matters.
        if starts[0] != starts[1]:
            before, after = (
                one.num_initial(len(one.classes) or count_classes()) for one in both
            )
            to_buy += before - after
        # Only whole queries are made, so a variant may end a few labels earlier.
        return changed.replace(rounds=max(0, to_buy // changed.acquisition_size))


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of an experiment.

    Attributes:
        variant: The variant that it belongs to.
        path: Its folder, relative to the experiment's, such as `bald/0`; empty
            for a single run, which has the folder to itself.
        config: Its settings, with `--experiment=run`: they do this run alone.
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
        """The names of variant and technique, which all repetitions share."""
        return ", ".join(filter(None, (self.variant.title, self.acquisition)))


@dataclasses.dataclass(frozen=True)
class Result:
    """A run and its progress.

    Attributes:
        cell: The run.
        record: What it has committed; None: it has not begun.
    """

    cell: Cell
    record: Outcome | None

    @property
    def outcome(self) -> Outcome:
        """What it has committed, which may be nothing."""
        return self.record or Outcome([], {}, "", "")

    @property
    def curve(self) -> list[CurvePoint]:
        """The committed rounds, up to the last that the settings ask for."""
        # The run may have more rounds than the report covers.
        return self.outcome.curve[: self.cell.config.rounds + 1]

    @property
    def is_finished(self) -> bool:
        """Whether all its rounds are committed."""
        return len(self.curve) > self.cell.config.rounds


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A named grid of runs and the report that compares them.

    Attributes:
        title: The title of the report.
        report: Writes the report of the runs so far; returns lines for the user.
        variants: What varies besides technique and repetition.
        panels: What the figure has one plot for: each `variant` or each
            `acquisition`, with the network's error; or each `measure`.
        captions: Sentences below the plots.
        checkpoints: Numbers of labels at which the tables show errors.
        thresholds: Test errors, 0 to 1, whose first crossings the tables show.
        mean_over: The range of labels over which errors are averaged; None: the
            range that all rows of the table cover.
        tables: Functions that make further tables of the report.
    """

    title: str
    report: Callable[["Experiment", Config, Sequence[Result]], list[str]]
    variants: tuple[Variant, ...] = (Variant(),)
    panels: str = "variant"
    captions: tuple[str, ...] = ()
    checkpoints: tuple[int, ...] = (100, 300, 1000)
    thresholds: tuple[float, ...] = THRESHOLDS
    mean_over: tuple[int, int] | None = None
    tables: tuple[Callable[[Config, Sequence[Result]], Table], ...] = ()


def cells(
    experiment: Experiment, config: Config, count_classes: Callable[[], int]
) -> list[Cell]:
    """Returns an experiment's runs, repetition by repetition.

    The folder of each is `<run_dir>/<variant>/<acquisition>/<repetition>`; that
    of a single `--experiment=run` is `run_dir` itself.

    Args:
        experiment: What varies.
        config: The experiment's settings.
        count_classes: Returns the number of classes of all data; called only
            if a variant begins with more or fewer labels than `config` says.

    Raises:
        InputError: The experiment has none of the techniques of `--acquisition`.
    """
    repetitions = range(config.repetition, config.repetition + config.repetitions)
    if config.experiment == "run" and len(config.acquisition) == len(repetitions) == 1:
        return [Cell(experiment.variants[0], "", config)]
    settings = {
        one.folder: one.settings(config, count_classes)
        for one in experiment.variants
        if one.runs(config)
    }
    # Repetition by repetition: a grid that is stopped early has compared
    # everything once, rather than one technique three times.
    grid = [
        _cell(variant, settings[variant.folder], name, repetition)
        for repetition in repetitions
        for variant in experiment.variants
        for name in variant.runs(config)
    ]
    if not grid:
        known = dict.fromkeys(name for one in experiment.variants for name in one.techniques)
        raise InputError(
            f"--acquisition={','.join(config.acquisition)} has no run in --experiment="
            f"{config.experiment}; expected some of {', '.join(known)}."
        )
    return grid


def _cell(variant: Variant, settings: Config, name: str, repetition: int) -> Cell:
    path = pathlib.PurePosixPath(variant.folder, name, str(repetition))
    # The run's settings do not mention the grid, so the same run can be made alone,
    # on another machine, and copied here.
    alone = settings.replace(
        experiment="run",
        acquisition=(name,),
        repetition=repetition,
        repetitions=1,
        run_dir=str(pathlib.Path(settings.run_dir, path)),
        only=(),
        report_only=False,
    )
    return Cell(variant, str(path), alone)


class InFolder(Protocol):
    """A run or fit that `--only` can name."""

    @property
    def path(self) -> str:
        """Its folder, relative to the experiment's."""


C = TypeVar("C", bound=InFolder)


def chosen(all_cells: Sequence[C], only: Sequence[str]) -> list[C]:
    """Returns the runs that `only` names by their folders; all if it is empty.

    A folder names all runs below it: `bald` names `bald/0` and `bald/1`.

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
