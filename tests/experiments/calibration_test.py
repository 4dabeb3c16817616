import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import POSTERIORS, Config
from dbal_tf.experiments.calibration import EXPERIMENT, by_posterior
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.outcome import Outcome

GRID = Config(
    experiment="calibration",
    acquisition=("random",),
    initial_per_class=10,
    rounds=1,
    acquisition_size=900,
    repetitions=2,
)


def test_all_posteriors_are_trained_on_the_same_labels():
    made = {cell.path: cell.config for cell in cells(EXPERIMENT, GRID, pytest.fail)}
    assert made.keys() == {f"{name}/random/{r}" for name in POSTERIORS for r in (0, 1)}
    assert all(path.startswith(config.posterior) for path, config in made.items())
    assert len({(config.seed, config.repetition) for config in made.values()}) == 2


def test_the_table_has_means_and_spreads():
    results = []
    for cell in cells(EXPERIMENT, GRID, pytest.fail):
        if cell.config.posterior != "laplace":
            continue
        worse = cell.config.repetition / 100
        evaluation = Evaluation(0.1 + worse, 0.5 + worse, 0.2, 0.04 + worse, 0.3, 0.9)
        curve = [CurvePoint(0, 100, evaluation, 2.5, {})]
        results.append(Result(cell, Outcome(curve, {}, "", "")))
    table = by_posterior(GRID, results)
    assert table.header == ["posterior", "labels", "error in %", "NLL", "Brier", "ECE in %"]
    assert table.rows == [
        [
            *("laplace, random", "100", "10.50 (10.00 to 11.00)"),
            *("0.505 (0.500 to 0.510)", "0.200 (0.200 to 0.200)", "4.50 (4.00 to 5.00)"),
        ],
        ["laplace, random", "1000", *"----"],
    ]
