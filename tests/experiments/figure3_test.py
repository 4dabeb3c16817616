import pytest

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.figure3 import EXPERIMENT
from dbal_tf.experiments.grid import cells


def _config(**changes):
    return Config(
        experiment="figure3", classes=("3", "8"), initial_per_class=10, rounds=48
    ).replace(**changes)


def test_every_technique_runs_where_it_belongs():
    names = ("bald", "max_entropy", "random", "mbr")
    found = {
        cell.path: cell.config
        for cell in cells(EXPERIMENT, _config(acquisition=names), pytest.fail)
    }
    assert list(found) == [
        *("bayesian/bald/0", "bayesian/max_entropy/0", "bayesian/random/0"),
        *("deterministic/max_entropy/0", "near/mbr/0", "scale_1/mbr/0", "scale_2/mbr/0"),
    ]
    assert found["deterministic/max_entropy/0"].posterior == "deterministic"
    graphs = [
        (found[f"{name}/mbr/0"].graph_neighbors, found[f"{name}/mbr/0"].graph_scale)
        for name in ("near", "scale_1", "scale_2")
    ]
    assert graphs == [(10, 0.0), (0, 1.0), (0, 2.0)]


def test_two_classes_end_with_as_many_labels():
    [cell] = cells(EXPERIMENT, _config(acquisition=("bald",)), pytest.fail)
    assert cell.config.rounds == 48


def test_a_technique_without_a_run_is_refused():
    with pytest.raises(InputError, match="mean_std has no run in --experiment=figure3"):
        cells(EXPERIMENT, _config(acquisition=("mean_std",)), pytest.fail)
