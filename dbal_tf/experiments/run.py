"""`--experiment=run`: one or more techniques, one or more repetitions each."""

import pathlib
from collections.abc import Callable
from typing import Any

from dbal_tf import loop
from dbal_tf.artifacts import CurvePoint, Dataset
from dbal_tf.components.example_gen import ExampleGen
from dbal_tf.config import Config
from dbal_tf.files import write_atomically
from dbal_tf.reporting import tables
from dbal_tf.reporting.plots import plot_learning_curves
from dbal_tf.seeds import seed_for


def run(config: Config, say: Callable[[str], Any]) -> dict[str, list[list[CurvePoint]]]:
    """Runs the grid, compares its curves and draws them.

    A single run has `config.run_dir` for itself; the runs of a grid have
    `<run_dir>/<acquisition>/<repetition>` each. All runs of a repetition share
    their split, initial weights and masks.

    Args:
        config: The settings.
        say: Called with each line for the user.

    Returns:
        The curves of the repetitions, by technique.
    """
    loop.check_run_dir(config)
    folder = pathlib.Path(config.run_dir)
    runs = grid(config)
    datasets = {one.repetition: load(one) for one in runs}
    for one in runs:
        loop.check_run_dir(one)
        loop.check_pool(one, datasets[one.repetition])
    if len(runs) > 1:
        write_atomically(folder / loop.FLAGS_FILE, config.to_flags())
    curves: dict[str, list[list[CurvePoint]]] = {}
    for one in runs:
        (name,) = one.acquisition
        say(f"{name}, repetition {one.repetition}: {one.run_dir}")
        curves.setdefault(name, []).append(loop.run(one, datasets[one.repetition], say))
    plot = folder / "curve.png"
    plot_learning_curves(plot, curves, title=f"{config.dataset}, {config.posterior}")
    say("")
    say(tables.comparison_table(curves))
    say(f"Learning curve: {plot}")
    return curves


def grid(config: Config) -> list[Config]:
    """Returns the settings of each run, technique by technique."""
    repetitions = range(config.repetition, config.repetition + config.repetitions)
    if len(config.acquisition) == len(repetitions) == 1:
        return [config]
    return [
        config.replace(
            acquisition=(name,),
            repetition=repetition,
            repetitions=1,
            run_dir=str(pathlib.Path(config.run_dir, name, str(repetition))),
        )
        for name in config.acquisition
        for repetition in repetitions
    ]


def load(config: Config) -> Dataset:
    """Returns the data set, split for the repetition of the settings."""
    generate = ExampleGen(
        config.dataset, config.data_dir, config.initial_per_class, config.validation_size
    )
    return generate.run(seed_for(config.seed, config.repetition, 0, "split"))
