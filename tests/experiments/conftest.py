"""What the tests of experiments share: stores of runs that never ran."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels
from dbal_tf.config import Config
from dbal_tf.experiments.figure1 import EXPERIMENT as FIGURE1
from dbal_tf.experiments.grid import Cell, Experiment, Result, cells
from dbal_tf.experiments.groups import Group, group_results
from dbal_tf.experiments.outcome import Outcome
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

WriteRun = Callable[..., None]


@pytest.fixture
def write_run() -> WriteRun:
    """Writes what a run of a cell would leave, with these test errors."""

    def write(cell: Cell, errors: Sequence[float], num_classes: int = 10) -> None:
        config, folder = cell.config, pathlib.Path(cell.config.run_dir)
        (folder / "export" / "9").mkdir(parents=True)
        (folder / "export" / "9" / "saved_model.pb").touch()
        (folder / "flags.cfg").write_text(config.to_flags())
        names = tuple(f"class {index}" for index in range(num_classes))
        start = num_classes * config.initial_per_class
        initial = Labels(np.array([f"i{row}" for row in range(start)]), np.zeros(start, int))
        versions = {"dbal_tf": "0.1.0", "commit": "abc123", "python": "3.12.0"}
        with Store(folder) as store:
            run = RunRecord(config.to_flags(), "checksum", versions, names)
            store.start(run, initial, "dataset", {})
            for index, error in enumerate(errors):
                evaluation = Evaluation(error, 0.1, 0.1, 0.1, error + 0.001, 0.1)
                labels = start + index * config.acquisition_size
                seconds = {"train": 60.0, "score": 30.0, "evaluate": 15.0}
                point = CurvePoint(index, labels, evaluation, 2.5, seconds)
                store.ask(point, None, [], {})

    return write


@pytest.fixture
def make_groups() -> Callable[..., list[Group]]:
    """Makes the groups of an experiment's repetitions, from their errors by technique.

    By default of figure1 at 20, 120, 220, 320 and 420 labels. Of several
    variants only the first has begun. Without dropout the errors are a point higher.
    """
    by_hundreds = Config(experiment="figure1", acquisition_size=100, rounds=4)

    def make(
        experiment: Experiment = FIGURE1,
        config: Config = by_hundreds,
        **errors: Sequence[Sequence[float]],
    ) -> list[Group]:
        config = config.replace(acquisition=tuple(errors), repetitions=3)
        start, step = 10 * config.initial_per_class, config.acquisition_size
        results = []
        for cell in cells(experiment, config, lambda: 10):
            repetitions = errors[cell.acquisition]
            is_first = cell.variant is experiment.variants[0]
            if is_first and cell.config.repetition < len(repetitions):
                curve = [
                    CurvePoint(
                        i, start + i * step, Evaluation(e, 0, 0, 0, e + 0.01, 0), 2.5, {}
                    )
                    for i, e in enumerate(repetitions[cell.config.repetition])
                ]
                results.append(Result(cell, Outcome(curve, {}, "", "")))
        return group_results(results)

    return make
