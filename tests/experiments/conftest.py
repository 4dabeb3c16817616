"""What the tests of experiments share: stores of runs that never ran."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels
from dbal_tf.experiments.grid import Cell
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
