#!/usr/bin/env python3
"""Fits networks with other settings to the labels that a run bought, to explain a gap.

    python tools/refit.py --data_dir=MNIST_DIR --labels=150,300 \\
        --settings "" --settings kernel_size=4 --settings initializer=early_keras \\
        docs/results/table1/authors/var_ratios/0

Prints the test error (dropout off, %) with the first 150, 300, ... labels, for each of
the settings and seeds. The settings are those of the run, except for the given ones:
`name=value`, several separated by commas. The labels are those that the run bought.
With --held_out the error is measured on pool images that the run did not buy, so that
settings can be chosen by it without looking at the test images.
"""

import argparse
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from dbal_tf.artifacts import Dataset, Labels
from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.runtime import startup
from dbal_tf.store.bought import read_bought


def with_held_out(dataset: Dataset, bought: Labels, count: int) -> Dataset:
    """Returns the data set with random pool images in place of the test images."""
    rest = np.setdiff1d(dataset.splits.pool_ids, bought.ids)
    ids = np.random.default_rng(0).choice(rest, count, replace=False)
    # They leave the pool, because --trainer=vat learns from its images.
    splits = dataclasses.replace(
        dataset.splits, pool_ids=np.setdiff1d(dataset.splits.pool_ids, ids)
    )
    return dataclasses.replace(
        dataset,
        splits=splits,
        test=dataset.train.select(ids),
        test_labels=dataset.hidden.select(ids),
    )


def test_errors(
    config: Config, dataset: Dataset, several: Sequence[Labels], seeds: Sequence[int]
) -> Iterator[list[float]]:
    """Yields the errors in %, dropout off, of one fit per seed, for each set of labels."""
    from dbal_tf.bayesian import metrics
    from dbal_tf.bayesian.inference import predictive_statistics
    from dbal_tf.components.features import Features
    from dbal_tf.components.trainer import Trainer

    dataset = Features.from_config(config).run(dataset, lambda line: None)
    trainer, images = Trainer.from_config(config), dataset.test.images
    fitter = trainer.fitter(dataset)

    decay = float(config.weight_decay)

    def error(labels: Labels, seed: int) -> float:
        network = trainer.run(fitter, dataset, labels, decay, seed).network
        probs = predictive_statistics(network, images, 1, posterior="deterministic").mean_probs
        return 100 * metrics.error(probs, dataset.test_labels.classes)

    yield from ([error(labels, seed) for seed in seeds] for labels in several)


def main() -> None:
    """Prints a row for each combination of settings and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder with the data set")
    parser.add_argument("--labels", default="150,300", help="numbers of labels")
    parser.add_argument("--settings", action="append", help="name=value[,name=value ...]")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument(
        "--held_out", type=int, default=0, help="number of pool images; 0: test images"
    )
    parser.add_argument("run", type=pathlib.Path)
    options = parser.parse_args()
    startup.import_tensorflow()
    from dbal_tf.components.example_gen import load

    flags = (options.run / "flags.cfg").read_text() + f"--data_dir={options.data_dir}\n"
    dataset = load(from_flagfile(flags))
    bought = read_bought(options.run).labels
    if options.held_out:
        dataset = with_held_out(dataset, bought, options.held_out)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print("| settings | labels | mean | each |\n|---|---|---|---|")
    for settings in options.settings or [""]:
        # A value may have commas, too, such as augment=shift,rotate.
        changes = [f"--{c}\n" for c in re.split(r",(?=\w+=)", settings) if c]
        config = from_flagfile(flags + "".join(changes))
        several = [bought.first(int(count)) for count in options.labels.split(",")]
        rows = test_errors(config, dataset, several, seeds)
        for labels, errors in zip(several, rows, strict=True):
            each = " ".join(f"{error:.2f}" for error in errors)
            mean = f"{np.mean(errors):.2f}"
            print(f"| {settings} | {len(labels)} | {mean} | {each} |", flush=True)


if __name__ == "__main__":
    main()
