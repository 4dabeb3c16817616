import pytest

from dbal_tf.config import Config
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.whole_pool import EXPERIMENT


def test_the_runs_differ_in_what_they_score():
    config = Config(experiment="whole_pool", acquisition=("bald",), pool_subset=7 * 10)
    assert [
        (cell.path, cell.config.pool_subset) for cell in cells(EXPERIMENT, config, pytest.fail)
    ] == [
        ("whole/bald/0", 0),
        ("subset/bald/0", 2000),
    ]
