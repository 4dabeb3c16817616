import pathlib

import pytest

from dbal_tf import loop
from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.core import InputError
from dbal_tf.experiments import run as run_module
from dbal_tf.experiments.run import grid, load, run


def _settings(runs):
    return [(*one.acquisition, one.repetition, one.run_dir) for one in runs]


def test_a_single_run_has_the_folder_for_itself(tiny):
    assert grid(tiny) == [tiny]
    assert grid(tiny.replace(repetition=5)) == [tiny.replace(repetition=5)]


def test_a_grid_has_a_folder_for_each_run(tiny):
    config = tiny.replace(acquisition=("bald", "random"), repetitions=2, run_dir="there")
    assert _settings(grid(config)) == [
        ("bald", 0, "there/bald/0"),
        ("bald", 1, "there/bald/1"),
        ("random", 0, "there/random/0"),
        ("random", 1, "there/random/1"),
    ]
    assert all(grid(one) == [one] for one in grid(config))


def test_repetitions_can_begin_later(tiny):
    runs = grid(tiny.replace(repetition=2, repetitions=2, run_dir="there"))
    assert _settings(runs) == [
        ("var_ratios", 2, "there/var_ratios/2"),
        ("var_ratios", 3, "there/var_ratios/3"),
    ]


def test_each_repetition_and_seed_has_its_own_split(tiny):
    initial = [
        set(load(tiny.replace(seed=seed, repetition=repetition)).splits.initial_ids)
        for seed, repetition in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert initial[0] == initial[1]
    assert initial[0] != initial[2] != initial[3] != initial[0]


@pytest.fixture
def recorded(monkeypatch):
    """Replaces the loop by one that notes what it was given."""
    runs = []

    def record(config, dataset, say):
        runs.append((config, dataset))
        evaluation = Evaluation(0.5, 1.0, 0.5, 0.1, 0.5, 1.0)
        return [CurvePoint(0, 20, evaluation, 2.5, {"train": 1.0})]

    monkeypatch.setattr(loop, "run", record)
    return runs


def test_techniques_share_the_data_of_a_repetition(tiny, recorded):
    config = tiny.replace(acquisition=("bald", "random"), repetitions=2)
    lines = []
    curves = run(config, lines.append)
    assert [one for one, _ in recorded] == grid(config)
    datasets = [dataset for _, dataset in recorded]
    assert datasets[0] is datasets[2] is not datasets[1]
    assert datasets[1] is datasets[3]
    assert {name: len(of_name) for name, of_name in curves.items()} == {"bald": 2, "random": 2}
    folder = pathlib.Path(config.run_dir)
    assert lines[0] == f"bald, repetition 0: {folder}/bald/0"
    assert (folder / "flags.cfg").read_text() == config.to_flags()
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_begins_before_all_runs_are_checked(tiny, recorded, tmp_path):
    config = tiny.replace(acquisition=("bald", "random"))
    other = tmp_path / "run" / "random" / "0"
    other.mkdir(parents=True)
    (tmp_path / "run" / "flags.cfg").write_text(config.to_flags())
    (other / "flags.cfg").write_text(config.replace(seed=77).to_flags())
    with pytest.raises(InputError, match=r"--seed=4 \(the run has --seed=77\)"):
        run(config, pytest.fail)
    assert recorded == []


def test_a_pool_that_is_too_small_leaves_no_folder(tiny, recorded, tmp_path):
    with pytest.raises(InputError, match="--rounds=109 of 10 images need 1090, the pool holds"):
        run(tiny.replace(rounds=109), pytest.fail)
    assert recorded == []
    assert list(tmp_path.iterdir()) == []


def test_the_data_are_read_before_anything_is_written(tiny, monkeypatch, tmp_path):
    def unreadable(config):
        raise InputError("no data.")

    monkeypatch.setattr(run_module, "load", unreadable)
    with pytest.raises(InputError, match="no data"):
        run(tiny, pytest.fail)
    assert list(tmp_path.iterdir()) == []
