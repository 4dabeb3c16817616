"""Each batch, and epig, from the command's settings to the audit; one killed between."""

import functools
import pathlib

import pytest

from dbal_tf import loop
from dbal_tf.audit import checks, facts
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters", "no_exports")

_WAYS = {
    "batchbald": {"acquisition": ("bald",), "batch": "batchbald", "candidates": 60},
    "stochastic": {"acquisition": ("bald",), "batch": "stochastic"},
    "diverse": {"acquisition": ("bald",), "batch": "diverse", "candidates": 60},
    "epig": {"acquisition": ("epig",), "targets": 20},
}


# Those of exports are left out with the exports.
_CHECKS = [
    one for one in checks.CHECKS if not one.__name__.startswith(("exports", "artifacts"))
]


class _KilledError(Exception):
    """Stands for a process that ends."""


def _bought(config, stop=None):
    """Runs to the end, or to the training of a round; returns what was bought."""

    def say(line):
        if stop is not None and line.split()[:1] == [f"{stop}/{config.rounds}"]:
            raise _KilledError

    try:
        loop.run(config, load(config), say)
    except _KilledError:
        return None
    with Store(pathlib.Path(config.run_dir)) as store:
        return store.reader.labels().ids.tolist()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Returns the settings of a way, and what it bought; runs each once."""
    folder = tmp_path_factory.mktemp("batches")

    @functools.cache
    def once(name):
        config = Config(
            dataset="digits",
            rounds=2,
            epochs=2,
            num_samples=6,
            pool_subset=150,
            acquisition_size=5,
            run_dir=str(folder / name),
            **_WAYS[name],
        )
        return config, _bought(config)

    return once


def test_copies_are_the_same_when_a_run_goes_on(run):
    config, _ = run("batchbald")
    # The whole pool is scored, so that each copy's noise is in what is bought.
    copies = {"pool_copies": 3, "pool_size": 60, "pool_subset": 0}
    whole, killed = (
        config.replace(run_dir=f"{config.run_dir}-{name}", **copies)
        for name in ("copies", "copies-killed")
    )
    expected = _bought(whole)
    assert all("#" in item for item in expected[20:])
    assert _bought(killed, stop=1) is None
    assert _bought(killed) == expected
    found = facts.read_facts(pathlib.Path(killed.run_dir))
    wrong = [line for ok, line in (checks.check(one, found) for one in _CHECKS) if not ok]
    assert wrong == []


@pytest.mark.parametrize("name", _WAYS)
def test_each_way_buys_what_the_audit_accepts(run, name):
    config, bought = run(name)
    assert len(set(bought)) == 20 + 2 * 5
    found = facts.read_facts(pathlib.Path(config.run_dir))
    wrong = [line for ok, line in (checks.check(one, found) for one in _CHECKS) if not ok]
    assert wrong == []


def test_each_way_buys_other_images(run):
    bought = [run(name)[1] for name in _WAYS]
    assert len({tuple(ids[:20]) for ids in bought}) == 1
    assert len({frozenset(ids[20:25]) for ids in bought}) == len(_WAYS)


def test_killed_and_gone_on_equals_undisturbed(run):
    config, expected = run("batchbald")
    other = config.replace(run_dir=f"{config.run_dir}-killed")
    assert _bought(other, stop=1) is None
    assert _bought(other) == expected
