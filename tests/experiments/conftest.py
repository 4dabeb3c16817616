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
from dbal_tf.experiments.outcome import Outcome, read_run
from dbal_tf.store import csv_files
from dbal_tf.store.published import picks_csv
from dbal_tf.store.rows import LABELLED, LabelRecord, RunRecord
from dbal_tf.store.writer import Store

WriteRun = Callable[..., None]
_LESIONS = Experiment("", lambda *_: [])


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


@pytest.fixture
def lesion_runs(tmp_path: pathlib.Path) -> Callable[..., tuple[Config, list[Result]]]:
    """Writes published runs of two folds: 4 labels, then 3 a round.

    Of each technique the repetitions: AUC by round, and positives among the labels.
    """

    def make(rounds: int = 1, experiment: Experiment = _LESIONS, **runs):
        config = Config(
            dataset="image_folder",
            experiment="melanoma",
            acquisition=tuple(runs),
            repetitions=max(map(len, runs.values())),
            folds=2,
            initial_counts=("benign:3", "malignant:1"),
            acquisition_size=3,
            rounds=rounds,
            run_dir=str(tmp_path / "lesions"),
        )
        results = []
        for cell in cells(experiment, config, lambda: 2):
            of_technique, repetition = runs[cell.acquisition], cell.config.repetition
            if repetition < len(of_technique):
                _publish(cell, *of_technique[repetition])
                results.append(Result(cell, read_run(pathlib.Path(cell.config.run_dir))))
        return config, results

    return make


def _publish(cell: Cell, aucs: Sequence[float], positives: Sequence[int]) -> None:
    folder = pathlib.Path(cell.config.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    curve = [
        CurvePoint(
            i,
            4 + 3 * i,
            Evaluation(0.2, 0.5, 0.3, 0.1, 0.2, 0.5, a, sensitivity=a / 2),
            0.25,
            {},
        )
        for i, a in enumerate(aucs)
    ]
    bought, done = [], 0
    for index, total in enumerate(positives):
        size = 3 if index else 4
        for rank in range(size):
            item = f"{cell.config.repetition}-{cell.acquisition}-{len(bought)}"
            label = int(rank < total - done)
            place = index - 1 if index else None
            bought.append(LabelRecord(item, label, place, rank, 0.5, None, LABELLED))
        done = total
    (folder / "curve.csv").write_text(csv_files.curve_csv(curve))
    (folder / "picks.csv").write_text(picks_csv(bought))
    (folder / "flags.cfg").write_text(cell.config.to_flags())
    (folder / "versions.json").write_text('{"commit": "abc123", "dbal_tf": "0.1.0"}')
