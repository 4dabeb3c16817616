import pytest

from dbal_tf.config import Config
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.query_rate import EXPERIMENT


def test_every_rate_buys_as_many_images():
    config = Config(
        experiment="query_rate",
        acquisition=("bald",),
        initial_per_class=10,
        rounds=90,
        pool_subset=1000,
    )
    assert [
        (cell.path, cell.config.acquisition_size, cell.config.rounds)
        for cell in cells(EXPERIMENT, config, pytest.fail)
    ] == [
        ("q1/bald/0", 1, 900),
        ("q5/bald/0", 5, 180),
        ("q10/bald/0", 10, 90),
        ("q100/bald/0", 100, 9),
    ]
