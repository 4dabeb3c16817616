#!/usr/bin/env python3
"""Counts how many wrong labels come first in the page's list of disagreements.

    python tools/wrong_labels.py --data_dir=MNIST_DIR --labels=200 --wrong=0.05

A run asks for images, and a simulated person answers all of them, some wrongly. Prints
how many of the wrong labels are in the first fifth of the page's list "the model
disagrees". It is measured twice: at once, by a model that was trained on these labels,
and after the run has used its waiting time for cross-validation (--disagreement_folds).
"""

import argparse
import dataclasses
import pathlib
import tempfile

import numpy as np

from dbal_tf.artifacts import Dataset, Labels
from dbal_tf.config import Config
from dbal_tf.labelling.desk import Desk
from dbal_tf.loop import Run
from dbal_tf.runtime import startup
from dbal_tf.store.writer import Store


def spoilt(labels: Labels, share: float, num_classes: int, seed: int) -> tuple[Labels, set]:
    """Returns labels with a share replaced by random wrong classes, and their ids."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = rng.permutation(len(labels))[: round(share * len(labels))]
    classes = labels.classes.copy()
    classes[rows] += rng.integers(1, num_classes, len(rows))
    return Labels(labels.ids, classes % num_classes), set(labels.ids[rows].tolist())


def found_in_first_fifth(run_dir: pathlib.Path, wrong: set) -> int:
    """Returns how many wrong labels are in the first fifth of the list of disagreements."""
    with Store(run_dir) as store:
        desk = Desk(run_dir, store, "after")
        count = desk.list("disagreements", 0, 0)["total"] // 5
        return sum(
            row["item"] in wrong for row in desk.list("disagreements", 0, count)["items"]
        )


def measure(config: Config, dataset: Dataset, share: float) -> tuple[int, int, int]:
    """Labels one run; counts wrong labels, those found at once and those after the wait."""
    run_dir = pathlib.Path(config.run_dir)
    with Run.open(config.replace(disagreement_folds=0), dataset) as run:
        true = dataset.hidden.select(run.ask().ids)
        told, wrong = spoilt(true, share, len(dataset.class_names), config.seed)
        run.tell(told)
        run.ask()
        at_once = found_in_first_fifth(run_dir, wrong)
    with Run.open(config, dataset) as run:
        # Each call does one fold; the last one finds none left.
        for _ in range(config.disagreement_folds + 1):
            run.use_wait()
    return len(wrong), at_once, found_in_first_fifth(run_dir, wrong)


def main() -> None:
    """Prints a row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder with MNIST")
    parser.add_argument("--labels", type=int, default=200, help="number of labels")
    parser.add_argument("--wrong", type=float, default=0.05, help="share of wrong labels")
    parser.add_argument("--folds", type=int, default=Config().disagreement_folds)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--acquisition", default="random", help="how images are chosen")
    options = parser.parse_args()
    startup.import_tensorflow()
    from dbal_tf.components.example_gen import load

    config = Config(
        dataset="mnist",
        data_dir=options.data_dir,
        acquisition=(options.acquisition,),
        acquisition_size=options.labels,
        rounds=2,
        initial_per_class=1,
        pool_subset=2 * options.labels,
        num_samples=10,
        oracle="web",
        disagreement_folds=options.folds,
        export_every=0,
    )
    print("| seed | labels | wrong | found at once | found after the wait |")
    print("|---|---|---|---|---|")
    counts = []
    for seed in range(options.seeds):
        dataset = load(config.replace(seed=seed))
        # Fewer test images, because the test error is not used.
        first = dataset.test.ids[:100]
        test, labels = dataset.test.select(first), dataset.test_labels.select(first)
        dataset = dataclasses.replace(dataset, test=test, test_labels=labels)
        with tempfile.TemporaryDirectory() as folder:
            one = config.replace(seed=seed, run_dir=f"{folder}/run")
            counts.append(measure(one, dataset, options.wrong))
        wrong, inside, apart = counts[-1]
        print(f"| {seed} | {options.labels} | {wrong} | {inside} | {apart} |", flush=True)
    wrong, inside, apart = np.sum(counts, axis=0).tolist()
    print(f"{wrong} wrong: {inside / wrong:.0%} and {apart / wrong:.0%} in the first fifth")


if __name__ == "__main__":
    main()
