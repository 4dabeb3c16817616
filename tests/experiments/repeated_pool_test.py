import pytest

from dbal_tf.config import Config
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.repeated_pool import EXPERIMENT


def test_each_query_is_made_of_the_same_pool_with_and_without_copies() -> None:
    config = Config(experiment="repeated_pool", acquisition=("bald", "epig", "random"))
    of = {cell.path: cell.config for cell in cells(EXPERIMENT, config, pytest.fail)}
    assert [path for path in of if path.startswith("once")] == [
        *("once/bald/0", "once/epig/0", "once/random/0"),
        *("once_stochastic/bald/0", "once_stochastic/epig/0", "once_batchbald/bald/0"),
    ]
    for path, once in list(of.items()):
        if path.startswith("once"):
            copies = of[path.replace("once", "copies")]
            assert copies.replace(pool_copies=1, run_dir="") == once.replace(run_dir="")
            assert copies.pool_copies == 4
