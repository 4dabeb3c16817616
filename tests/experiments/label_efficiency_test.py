import pathlib

import pytest

from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.label_efficiency import EXPERIMENT, TRAINING

GRID = Config(experiment="label_efficiency", acquisition=("bald", "random"), rounds=48)


def _cells(config):
    return cells(EXPERIMENT, config, pytest.fail)


def test_random_runs_where_nothing_needs_scores():
    paths = [cell.path for cell in _cells(GRID)]
    assert [path for path in paths if "random" in path] == [
        "paper/random/0",
        "no_batch/random/0",
    ]
    assert [path.split("/")[0] for path in paths if "bald" in path.split("/")] == [
        variant.folder for variant in EXPERIMENT.variants if variant.folder != "no_posterior"
    ]


def test_without_the_posterior_a_score_is_needed_that_one_sample_has():
    with_posterior, without = (
        cell.config
        for cell in _cells(GRID.replace(acquisition=("max_entropy", "mean_std")))
        if cell.path in ("all/max_entropy/0", "no_posterior/max_entropy/0")
    )
    assert with_posterior.replace(posterior="deterministic", run_dir="") == without.replace(
        run_dir=""
    )


def test_batchbald_is_for_bald_alone():
    paths = [cell.path for cell in _cells(GRID.replace(acquisition=("epig", "max_entropy")))]
    assert "diverse/epig/0" in paths
    assert not any(path.startswith("no_posterior/epig") for path in paths)
    assert not any(path.startswith("batchbald") for path in paths)


@pytest.mark.parametrize(
    ("left_out", "flags"),
    [
        ("no_batch", {"batch"}),
        ("no_training", set(TRAINING)),
        ("no_augmentation", {"augment"}),
        ("batchbald", {"batch"}),
        ("diverse", {"batch"}),
        ("paper", {"batch", *TRAINING, "augment"}),
    ],
)
def test_a_variant_differs_from_all_three_by_its_ingredient(left_out, flags):
    of = {cell.variant.folder: cell.config for cell in _cells(GRID) if "bald/" in cell.path}
    ours, every = of[left_out].identity_values(), of["all"].identity_values()
    assert {name for name, value in ours.items() if value != every[name]} == flags


def test_random_alone_has_runs_too():
    paths = [cell.path for cell in _cells(GRID.replace(acquisition=("random",)))]
    assert paths == ["paper/random/0", "no_batch/random/0"]


def test_what_has_no_random_is_compared_with_one_of_equal_training():
    by_folder = {variant.folder: variant for variant in EXPERIMENT.variants}
    config = {cell.path: cell.config for cell in _cells(GRID)}
    for folder in ("all", "batchbald", "diverse"):
        random = config[f"{by_folder[folder].baseline}/random/0"]
        own = config[f"{folder}/bald/0"]
        assert (random.steps, random.batch_size, random.augment) == (
            own.steps,
            own.batch_size,
            own.augment,
        )


def test_the_best_settings_are_those_that_were_measured():
    path = pathlib.Path(__file__).parents[2] / "configs" / "best.cfg"
    best = from_flagfile(path.read_text())
    (measured,) = (cell.config for cell in _cells(GRID) if cell.path == "all/bald/0")
    given = {"dataset", "validation_size", "num_samples"}
    ours, theirs = best.identity_values(), measured.identity_values()
    assert {name for name in ours if ours[name] != theirs[name]} <= given


def test_the_settings_of_vat_are_those_that_were_measured():
    root = pathlib.Path(__file__).parents[2]
    given = from_flagfile((root / "configs" / "vat.cfg").read_text()).identity_values()
    folder = root / "docs" / "results" / "label_efficiency" / "vat" / "bald" / "0"
    measured = from_flagfile((folder / "flags.cfg").read_text()).identity_values()
    assert given == measured
