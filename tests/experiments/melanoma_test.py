import pathlib

import pytest

from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.melanoma import EXPERIMENT

_FLAGS = pathlib.Path(__file__).parents[2] / "configs" / "melanoma.cfg"


def test_the_flagfile_is_the_papers_protocol_on_three_networks():
    config = from_flagfile(_FLAGS.read_text())
    grid = cells(EXPERIMENT, config, pytest.fail)
    assert len(grid) == 3 * 4 * 15
    one = {cell.path: cell.config for cell in grid}
    trained = one["trained/bald/7"]
    assert (trained.model, trained.weights) == ("keras.applications:VGG16", "hed")
    assert trained.initial_counts == ("benign:80", "malignant:20")
    assert (trained.rounds, trained.acquisition_size, trained.num_samples) == (4, 100, 20)
    assert one["random_trunk/bald/7"] == trained.replace(
        weights="none", run_dir=one["random_trunk/bald/7"].run_dir
    )
    small = one["from_scratch/random/14"]
    assert (small.model, small.image_size, small.folds) == ("bayesian_resnet", "64", 5)


def test_all_of_a_trunk_can_be_trained():
    config = from_flagfile(_FLAGS.read_text()).replace(train_trunk=True)
    trained = {cell.path: cell.config.train_trunk for cell in cells(EXPERIMENT, config, int)}
    assert (trained["trained/bald/0"], trained["from_scratch/bald/0"]) == (True, False)
