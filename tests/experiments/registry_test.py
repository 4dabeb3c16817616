"""Every grid of the flag is one that runs and is reported."""

import re

import pytest

from dbal_tf import config
from dbal_tf.config import ACQUISITIONS, GRAPH_TECHNIQUES, TECHNIQUES, Config
from dbal_tf.experiments import report
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.registry import EXPERIMENTS


def test_every_grid_of_the_flag_is_an_experiment():
    assert tuple(EXPERIMENTS) == config.GRIDS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_well_made(name):
    experiment = EXPERIMENTS[name]
    folders = [variant.folder for variant in experiment.variants]
    titles = [variant.title for variant in experiment.variants]
    assert len(set(folders)) == len(set(titles)) == len(folders)
    assert all(folders) or folders == [""]
    assert not set(folders) & set(TECHNIQUES)
    assert all(re.fullmatch(r"[a-z0-9_]*", folder) for folder in folders)
    assert experiment.panels in ("variant", "acquisition", "measure")
    assert all(set(variant.techniques) <= set(TECHNIQUES) for variant in experiment.variants)
    assert all(caption.endswith(".") for caption in experiment.captions)
    assert (experiment.report is not report.compare) == (name != "run")
    assert bool(experiment.title) == (name != "run")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_its_runs_have_folders_of_their_own(name):
    config = Config(
        experiment=name,
        dataset="image_folder",  # One of melanoma's networks has images of its own size.
        acquisition=(*ACQUISITIONS, *GRAPH_TECHNIQUES),
        repetitions=3,
    )
    grid = cells(EXPERIMENTS[name], config, lambda: 10)
    assert len({cell.path for cell in grid}) == len(grid) >= 15
