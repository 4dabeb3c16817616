"""The active learning rows of Table 2, from runs of figure1 copied into its folder."""

import dataclasses
import pathlib

from dbal_tf.artifacts import CurvePoint
from dbal_tf.config import ACQUISITIONS, Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.core import InputError
from dbal_tf.experiments.outcome import read_run
from dbal_tf.store.layout import FLAGS_FILE

ACTIVE_DIR = "active"


@dataclasses.dataclass(frozen=True)
class ActiveRun:
    """A run of active learning.

    Attributes:
        technique: Its acquisition function.
        path: Its folder below the experiment's, such as `active/bald/0`.
        curve: Its learning curve, with at least one point.
    """

    technique: str
    path: str
    curve: tuple[CurvePoint, ...]

    def at(self, labels: int) -> CurvePoint | None:
        """Returns the last point with at most `labels` labels.

        None if the curve begins later, or ends a query or more before.
        """
        # Labels come in batches, so there may be no point with exactly this number.
        points = [point for point in self.curve if point.labels <= labels]
        query = self.curve[-1].labels - self.curve[-2].labels if len(self.curve) > 1 else 1
        return points[-1] if points and self.curve[-1].labels > labels - query else None

    def seconds(self, labels: int) -> float:
        """Returns the wall time up to the point that `at` returns."""
        points = (point for point in self.curve if point.labels <= labels)
        return sum(sum(point.seconds.values()) for point in points)


def read_active(config: Config) -> list[ActiveRun]:
    """Returns the runs in `<run_dir>/active/<technique>/<repetition>` that have begun.

    Raises:
        InputError: A folder holds a run of another data set or technique, or
            a run that cannot be read.
    """
    folder = pathlib.Path(config.run_dir)
    runs = []
    for technique in ACQUISITIONS:
        for path in sorted((folder / ACTIVE_DIR / technique).glob("[0-9]*")):
            if outcome := read_run(path):
                _check(config, technique, path)
                name = path.relative_to(folder).as_posix()
                if outcome.curve:
                    runs.append(ActiveRun(technique, name, tuple(outcome.curve)))
    return runs


def _check(config: Config, technique: str, path: pathlib.Path) -> None:
    flags = path / FLAGS_FILE
    if not flags.is_file():
        raise InputError(f"{flags} is missing; copy the whole folder of the run to {path}.")
    theirs = from_flagfile(flags.read_text("utf-8", errors="replace"))
    found, expected = (
        f"--dataset={dataset} --classes={','.join(classes)} --acquisition={technique}"
        for dataset, classes, technique in (
            (theirs.dataset, theirs.classes, ",".join(theirs.acquisition)),
            (config.dataset, config.classes, technique),
        )
    )
    if found != expected:
        raise InputError(
            f"{path} holds a run of {found}; expected {expected}; copy a run of that, or "
            "remove this one."
        )
