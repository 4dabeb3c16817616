import dataclasses
import pathlib
import shutil

import pytest

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.active_rows import read_active
from dbal_tf.experiments.figure1 import EXPERIMENT
from dbal_tf.experiments.grid import cells

_PUBLISHED = pathlib.Path(__file__).parents[2] / "docs" / "results" / "figure1"


@pytest.fixture
def config(tmp_path):
    return Config(experiment="table2", dataset="digits", run_dir=str(tmp_path))


@pytest.fixture
def copied(config, write_run):
    """Runs of figure1 in the folder of active learning."""
    figure1 = Config(
        experiment="figure1",
        dataset="digits",
        acquisition=("bald", "random"),
        rounds=2,
        repetitions=2,
        run_dir=f"{config.run_dir}/active",
    )
    for cell in cells(EXPERIMENT, figure1, lambda: 10)[:3]:
        write_run(cell, [0.5, 0.25, 0.125])


def test_the_runs_that_were_copied(config, copied):
    runs = read_active(config)
    assert [run.path for run in runs] == [
        *("active/random/0", "active/bald/0", "active/bald/1")
    ]
    assert [run.technique for run in runs] == ["random", "bald", "bald"]
    points = [runs[0].at(count) for count in (19, 20, 35, 49, 50)]
    assert [point and point.labels for point in points] == [None, 20, 30, 40, None]


def test_seconds_to_a_number_of_labels(config, copied):
    run = read_active(config)[0]
    assert [run.seconds(count) for count in (10, 20, 40)] == [0, 105, 315]


def test_there_may_be_none(config):
    assert read_active(config) == []
    pathlib.Path(config.run_dir, "active", "bald", "0").mkdir(parents=True)
    assert read_active(config) == []


def test_published_results_will_do(config):
    folder = pathlib.Path(config.run_dir, "active")
    shutil.copytree(_PUBLISHED, folder)
    runs = read_active(dataclasses.replace(config, dataset="mnist"))
    assert len(runs) == len(list(folder.glob("*/*/curve.csv"))) > 5
    assert {run.curve[-1].labels for run in runs} == {1000}


@pytest.mark.parametrize(
    ("changes", "move", "found"),
    [
        ({"dataset": "mnist"}, "random", "--dataset=digits --classes= --acquisition=random"),
        ({"classes": ("2", "8")}, "random", "--classes= --acquisition=random"),
        ({}, "mean_std", "--acquisition=random; expected .*--acquisition=mean_std"),
    ],
)
def test_a_run_of_something_else_is_refused(config, copied, changes, move, found):
    folder = pathlib.Path(config.run_dir, "active")
    (folder / "random").rename(folder / move)
    with pytest.raises(InputError, match=f"{move}/0 holds a run of .*{found}"):
        read_active(config.replace(**changes))


def test_a_copy_without_flags_is_refused(config, copied):
    path = pathlib.Path(config.run_dir, "active", "bald", "1", "flags.cfg")
    path.unlink()
    with pytest.raises(InputError, match=r"flags\.cfg is missing; copy the whole folder"):
        read_active(config)
