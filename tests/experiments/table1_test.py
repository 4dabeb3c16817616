from dbal_tf.config import TECHNIQUES, Config
from dbal_tf.experiments.grid import cells
from dbal_tf.experiments.table1 import EXPERIMENT


def test_the_released_code_differs_from_the_authors_protocol_in_three_settings():
    config = Config(experiment="table1", acquisition=TECHNIQUES)
    found = {cell.path: cell.config for cell in cells(EXPERIMENT, config, lambda: 10)}
    released = [path for path in found if path.startswith("as_released/")]
    assert released == [
        f"as_released/{name}/0" for name in ("random", "bald", "max_entropy", "var_ratios")
    ]
    for path in released:
        theirs = found[path.replace("as_released", "authors")]
        settings = vars(found[path]).items() - vars(theirs).items()
        assert {name for name, _ in settings} == {
            *("initializer", "var_ratios", "remainder", "run_dir")
        }
        for flag in ("--initializer=early_keras", "--var_ratios=votes", "--remainder=keep"):
            assert flag in found[path].to_flags()
            assert flag in EXPERIMENT.captions[-1]


def test_the_table_is_counted_by_both_protocols():
    config = Config(experiment="table1", acquisition=("bald",), run_dir="there", rounds=98)
    ours, authors, _ = cells(EXPERIMENT, config, lambda: 10)
    assert ours.config == Config(acquisition=("bald",), run_dir="there/figure1/bald/0")
    assert (authors.path, authors.config.rounds) == ("authors/bald/0", 180)
    assert authors.config.kernel_size == 3
    assert [cell.variant.published.not_counted for cell in (ours, authors)] == [20, 100]
    for cell in (ours, authors):
        start = 10 * cell.config.initial_per_class
        assert start == cell.variant.published.not_counted
        assert start + cell.config.rounds * cell.config.acquisition_size == 1000
