"""Prints how far apart the images of a query are, to show whether it buys near copies.

Prints the mean Euclidean distance between two images of a query, with pixel values
from 0 to 1, averaged over the queries in each range of labels. The last row is for
ten random images. Reads runs or published results.

  python tools/near_copies.py --data_dir=<folder with MNIST> docs/results/mnist/var_ratios
"""

import argparse
import pathlib

import numpy as np
import scipy.spatial

from dbal_tf.artifacts import Examples
from dbal_tf.audit.facts import read_facts
from dbal_tf.datasets import LOADERS
from dbal_tf.runtime import startup

_RANGES = ((20, 100), (100, 300), (300, 1000))


def mean_distance(images: np.ndarray) -> float:
    """Returns the mean distance between two of the images.

    Args:
        images: Pixel values 0 to 255, `[k, h, w, c]`, k at least 2.
    """
    return float(scipy.spatial.distance.pdist(images.reshape(len(images), -1) / 255).mean())


def query_distances(run: pathlib.Path, examples: Examples) -> dict[int, float]:
    """Returns the mean distance within each query, by the number of labels before it."""
    facts = read_facts(run)
    labels_before = {row.point.round: row.point.labels for row in facts.rounds}
    queries: dict[int, list[str]] = {}
    for label in facts.labels:
        if label.round is not None:
            queries.setdefault(label.round, []).append(label.item)
    return {
        labels_before[index]: mean_distance(np.asarray(examples.select(np.array(ids)).images))
        for index, ids in queries.items()
        if len(ids) > 1  # A single image has no distance.
    }


def main() -> None:
    """Prints a row for each run and one for random images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder with MNIST")
    parser.add_argument("runs", type=pathlib.Path, nargs="+")
    flags = parser.parse_args()
    startup.import_tensorflow()
    examples = LOADERS["mnist"](flags.data_dir).train
    titles = [f"{low} to {high} labels" for low, high in _RANGES]
    print(f"| run | {' | '.join(titles)} |")
    print("|---" * (1 + len(titles)) + "|")
    for run in flags.runs:
        distances = query_distances(run, examples)
        means = [
            np.mean([d for count, d in distances.items() if low <= count < high])
            for low, high in _RANGES
        ]
        print(f"| {run} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    # Ten, as in the paper's queries, although the mean does not depend on the number.
    rng = np.random.default_rng(0)
    drawn = [rng.choice(len(examples), 10, replace=False) for _ in range(300)]
    chance = np.mean([mean_distance(np.asarray(examples.images[rows])) for rows in drawn])
    print(f"| ten at random |{f' {chance:.2f} |' * len(_RANGES)}")


if __name__ == "__main__":
    main()
