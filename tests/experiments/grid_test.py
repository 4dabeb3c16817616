"""Which runs an experiment has, written out by hand."""

import pytest

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments import table1
from dbal_tf.experiments.grid import Experiment, Result, Variant, cells, chosen
from dbal_tf.experiments.outcome import Outcome

PLAIN = Experiment("", lambda *_: [])
TWO = Experiment(
    "", lambda *_: [], (Variant("a", "A"), Variant("b", "B", {"acquisition_size": 5}))
)
GRID = Config(experiment="figure1", acquisition=("bald", "random"), run_dir="there")


def _cells(experiment, config):
    """The runs of an experiment whose variants begin alike: nobody counts the classes."""
    return cells(experiment, config, pytest.fail)


def _paths(experiment, config):
    return [cell.path for cell in _cells(experiment, config)]


def test_a_single_run_has_the_folder_for_itself():
    for config in (Config(run_dir="there"), Config(run_dir="there", repetition=5)):
        [cell] = _cells(PLAIN, config)
        assert (cell.path, cell.config) == ("", config)


def test_a_grid_goes_repetition_by_repetition():
    config = GRID.replace(repetitions=2, repetition=3)
    assert _paths(PLAIN, config) == ["bald/3", "random/3", "bald/4", "random/4"]
    assert _paths(TWO, config.replace(repetitions=1)) == [
        *("a/bald/3", "a/random/3", "b/bald/3", "b/random/3")
    ]


def test_a_named_experiment_of_one_run_has_the_same_folders():
    assert _paths(PLAIN, GRID.replace(acquisition=("bald",))) == ["bald/0"]


def test_each_run_is_one_that_could_have_been_made_alone():
    config = GRID.replace(repetitions=2, only=("bald",), report_only=True, seed=7)
    alone = Config(acquisition=("bald",), repetition=1, run_dir="there/bald/1", seed=7)
    cell = _cells(PLAIN, config)[2]
    assert cell.config == alone
    assert (cell.acquisition, cell.name) == ("bald", "bald")
    assert _cells(TWO, config)[0].name == "A, bald"
    assert _cells(PLAIN, cell.config)[0].config == cell.config


@pytest.mark.parametrize(
    ("changes", "rounds"),
    [
        ({}, 98),  # 20 + 98 * 10 = 1000.
        ({"acquisition_size": 1}, 980),
        ({"acquisition_size": 100}, 9),  # 20 + 9 * 100 = 920; the next would be 1020.
        ({"initial_per_class": 10, "acquisition_size": 5}, 180),  # 100 + 180 * 5 = 1000.
        ({"initial_per_class": 200}, 0),
        ({"posterior": "deterministic"}, 98),
    ],
)
def test_variants_end_with_as_many_labels(changes, rounds):
    changed = Variant(changes=changes).settings(Config(), lambda: 10)
    # The folder is the experiment's, whatever the changes are.
    assert changed == Config().replace(rounds=rounds, run_dir=Config().run_dir, **changes)


def test_a_variant_may_not_suit_the_techniques_that_it_leaves_out():
    experiment = Experiment(
        "",
        lambda *_: [],
        (
            Variant("a", "A"),
            Variant("b", "B", {"batch": "stochastic"}, techniques=("bald",)),
        ),
    )
    assert _paths(experiment, GRID) == ["a/bald/0", "a/random/0", "b/bald/0"]
    config = Config(experiment="figure1", acquisition=("bald", "random"))
    assert {cell.config.run_dir.split("/")[1] for cell in _cells(experiment, config)} == {
        config.run_dir.split("/")[1]
    }


@pytest.mark.parametrize(
    ("classes", "rounds"),
    [
        (2, 192),  # 4 + 98 * 10 = 984 = 20 + 192 * 5 + 4.
        (3, 191),  # 6 + 98 * 10 = 986 = 30 + 191 * 5 + 1.
        (100, 36),  # 200 + 98 * 10 = 1180 = 1000 + 36 * 5.
    ],
)
def test_the_number_of_classes_counts_where_the_starts_differ(classes, rounds):
    variant = Variant(changes={"initial_per_class": 10, "acquisition_size": 5})
    assert variant.settings(Config(), lambda: classes).rounds == rounds
    assert variant.settings(Config(initial_per_class=10), pytest.fail).rounds == 196


def test_named_classes_need_not_be_counted():
    digits = Config(classes=("2", "8"))
    variant = Variant(changes={"initial_per_class": 10})
    assert variant.settings(digits, pytest.fail).rounds == 96  # 4 + 98 * 10 = 20 + 96 * 10 + 4.
    fewer = Variant(changes={"classes": ("2", "8")})
    assert fewer.settings(Config(), lambda: 10).rounds == 99  # 20 + 980 = 4 + 99 * 10 + 6.


def test_the_authors_protocol_of_table_1():
    authors = table1.EXPERIMENT.variants[1].settings(Config(pool_subset=2000), lambda: 10)
    assert authors == Config(
        initial_per_class=10,
        acquisition_size=5,
        rounds=180,
        kernel_size=3,
        weight_decay="10",
        pool_subset=1000,
    )


def test_folders_choose_runs():
    grid = _cells(TWO, GRID.replace(repetitions=2))

    def paths(*only):
        return [cell.path for cell in chosen(grid, only)]

    assert paths() == [cell.path for cell in grid]
    assert paths("a/bald/1") == ["a/bald/1"]
    assert paths("b/random", "a/bald/0") == ["a/bald/0", "b/random/0", "b/random/1"]
    assert paths("a/") == ["a/bald/0", "a/random/0", "a/bald/1", "a/random/1"]


@pytest.mark.parametrize("folder", ["bald/2", "bal", "bald/0/x", "/bald/0"])
def test_a_folder_without_a_run_is_refused(folder):
    with pytest.raises(InputError, match=f"--only={folder} names no run .* bald/0, random/0,"):
        chosen(_cells(PLAIN, GRID), ("random", folder))


def test_a_single_run_has_no_parts():
    with pytest.raises(InputError, match=r"--only=bald names no run .*; expected none\."):
        chosen(_cells(PLAIN, Config()), ("bald",))


@pytest.mark.parametrize(("points", "is_finished"), [(0, False), (3, False), (4, True)])
def test_a_run_is_finished_with_its_last_round(points, is_finished):
    cell = _cells(PLAIN, GRID.replace(rounds=3))[0]
    result = Result(cell, Outcome(list(range(points)), {}, "", ""))
    assert result.is_finished == is_finished
    assert not Result(cell, None).is_finished


def test_a_run_that_went_further_is_read_as_far_as_asked():
    cell = _cells(PLAIN, GRID.replace(rounds=3))[0]
    assert Result(cell, Outcome([0, 1, 2, 3, 4, 5], {}, "", "")).curve == [0, 1, 2, 3]
    assert Result(cell, None).curve == []


def test_unequal_initial_sets_need_no_counting():
    config = Config(initial_counts=("a:80", "b:20"), rounds=4, acquisition_size=100)
    variant = Variant(changes={"initial_counts": ("a:50", "b:150")})
    assert variant.settings(config, lambda: 2).rounds == 3
    assert Variant().settings(config, pytest.fail).rounds == 4
