#!/usr/bin/env python3
"""Counts the wrong labels that the page's list of disagreements shows first.

    python tools/wrong_labels.py --data_dir=MNIST_DIR --labels=200 --wrong=0.05

A run asks for images, and a person answers all of them at once, some wrongly. Prints
how many of the wrong ones are in the first fifth of the list "the model disagrees",
which is of the model that was trained on them; and in that of a model that was not:
the labels in folds, each predicted by a model that was trained on the others.
"""

import argparse
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable

import numpy as np

from dbal_tf.artifacts import Dataset, Labels
from dbal_tf.config import Config
from dbal_tf.labelling import lists
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.labelling.predictions import Predictions
from dbal_tf.loop import Run
from dbal_tf.runtime import startup
from dbal_tf.store.reader import RunReader


def spoilt(labels: Labels, share: float, num_classes: int, seed: int) -> tuple[Labels, set]:
    """Returns labels of which a share is wrong, each wrong class as likely, and those."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = rng.permutation(len(labels))[: round(share * len(labels))]
    classes = labels.classes.copy()
    classes[rows] += rng.integers(1, num_classes, len(rows))
    return Labels(labels.ids, classes % num_classes), set(labels.ids[rows].tolist())


def found_in_first_fifth(run_dir: pathlib.Path, probs: Callable, wrong: set) -> int:
    """Returns how many wrong labels are in the first fifth of the list."""
    answers, total = lists.disagreements(Ledger(RunReader.open(run_dir)), probs)
    return sum(answer.item in wrong for answer in answers[: total // 5])


def out_of_fold(config: Config, dataset: Dataset, labels: Labels, folds: int) -> Callable:
    """Returns a map from items to what models predict that were trained without them."""
    from dbal_tf.bayesian.inference import predictor_for
    from dbal_tf.components.trainer import Trainer

    trainer = Trainer.from_config(config)
    fitter, decay = trainer.fitter(dataset), float(config.weight_decay)
    rng = np.random.Generator(np.random.PCG64(config.seed))
    fold = rng.permutation(len(labels)) % folds
    probs: dict[str, np.ndarray] = {}
    for index in range(folds):
        rest = Labels(labels.ids[fold != index], labels.classes[fold != index])
        model = trainer.run(fitter, dataset, rest, decay, config.seed + index)
        ids = labels.ids[fold == index]
        images = dataset.train.select(ids).images
        predictor = predictor_for(model.network, config.posterior)
        statistics = predictor.statistics(images, config.num_samples, config.seed)
        probs |= zip(ids.tolist(), np.asarray(statistics.mean_probs), strict=True)
    return probs.get


def measure(config: Config, dataset: Dataset, share: float, folds: int) -> tuple[int, int, int]:
    """Labels one run; returns how many are wrong, and found by either model."""
    run_dir = pathlib.Path(config.run_dir)
    num_classes = len(dataset.class_names)
    with Run.open(config, dataset) as run:
        query = run.ask()
        true = dataset.hidden.select(query.ids)
        told, wrong = spoilt(true, share, num_classes, config.seed)
        run.tell(told)
        run.ask()
    reader = RunReader.open(run_dir)
    last, predictions = reader.last_round(), Predictions(run_dir)
    in_sample = found_in_first_fifth(run_dir, lambda i: predictions.probs(i, last), wrong)
    labels = reader.labels()
    apart = out_of_fold(config, dataset, labels, folds)
    return len(wrong), in_sample, found_in_first_fifth(run_dir, apart, wrong)


def main() -> None:
    """Prints a row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder with MNIST")
    parser.add_argument("--labels", type=int, default=200, help="how many are given at once")
    parser.add_argument("--wrong", type=float, default=0.05, help="share of wrong ones")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--acquisition", default="random", help="how they are chosen")
    options = parser.parse_args()
    startup.import_tensorflow()
    from dbal_tf.components.example_gen import load

    config = Config(
        dataset="mnist",
        data_dir=options.data_dir,
        acquisition=(options.acquisition,),
        acquisition_size=options.labels,
        rounds=1,
        initial_per_class=1,
        pool_subset=2 * options.labels,
        num_samples=10,
        oracle="web",
        export_every=0,
    )
    print("| seed | labels | wrong | found, trained on them | found, out of fold |")
    print("|---|---|---|---|---|")
    counts = []
    for seed in range(options.seeds):
        dataset = load(config.replace(seed=seed))
        # The test error is of no interest here.
        first = dataset.test.ids[:100]
        test, labels = dataset.test.select(first), dataset.test_labels.select(first)
        dataset = dataclasses.replace(dataset, test=test, test_labels=labels)
        with tempfile.TemporaryDirectory() as folder:
            one = config.replace(seed=seed, run_dir=f"{folder}/run")
            counts.append(measure(one, dataset, options.wrong, options.folds))
        wrong, inside, apart = counts[-1]
        print(f"| {seed} | {options.labels} | {wrong} | {inside} | {apart} |", flush=True)
    wrong, inside, apart = np.sum(counts, axis=0).tolist()
    print(f"{wrong} wrong: {inside / wrong:.0%} and {apart / wrong:.0%} in the first fifth")


if __name__ == "__main__":
    main()
