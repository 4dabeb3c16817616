from dbal_tf.config import Config
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.table1 import EXPERIMENT


def test_the_table_is_counted_by_both_protocols():
    config = Config(experiment="table1", acquisition=("bald",), run_dir="there", rounds=98)
    ours, authors = cells(EXPERIMENT, config)
    assert ours.config == Config(acquisition=("bald",), run_dir="there/figure1/bald/0")
    assert (authors.path, authors.config.rounds) == ("authors/bald/0", 180)
    assert authors.config.kernel_size == 3
    assert [cell.variant.published.not_counted for cell in (ours, authors)] == [20, 100]
    for cell in (ours, authors):
        start = 10 * cell.config.initial_per_class
        assert start == cell.variant.published.not_counted
        assert start + cell.config.rounds * cell.config.acquisition_size == 1000
