import pytest

from dbal_tf.config import Config
from dbal_tf.experiments.figure1 import EXPERIMENT
from dbal_tf.experiments.grid import cells


def test_its_runs_are_those_of_a_plain_grid():
    config = Config(experiment="figure1", acquisition=("bald", "random"), run_dir="there")
    [bald, random] = cells(EXPERIMENT, config, pytest.fail)
    assert bald.config == Config(acquisition=("bald",), run_dir="there/bald/0")
    assert random.config == Config(acquisition=("random",), run_dir="there/random/0")


def test_the_defect_of_the_authors_mean_std_is_said():
    [caption] = EXPERIMENT.captions
    assert "standard deviation of a single pass" in caption
