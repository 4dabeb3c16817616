"""Measures the cost of MBR on images of two digits of MNIST, as a Markdown table.

Each row is measured in a separate process: building the graph, inverting its
Laplacian, the first query, and each later label and query (mean over a batch).

  python tools/mbr_cost.py --data_dir=<folder with MNIST>
"""

import argparse
import concurrent.futures
import multiprocessing
import resource
from functools import partial

import numpy as np
from benchmarks.measuring import seconds_of

from dbal_tf.baselines.graph import knn_graph, pixels, rbf_graph
from dbal_tf.baselines.mbr import MinimumBayesRisk

_LABELS_PER_CLASS = 10
_BATCH = 10
_GRAPHS = {"10-NN": knn_graph, "full": lambda points_nd: rbf_graph(points_nd, scale=1.0)}
_HEADER = """\
| graph | images | graph, s | inverse, s | first query, s | each later query, s | peak, GiB |
|---|---|---|---|---|---|---|"""


def measure(name: str, images: np.ndarray, classes: np.ndarray) -> str:
    """Returns the row of the table for one kind of graph."""
    labelled = np.concatenate(
        [np.flatnonzero(classes == label)[:_LABELS_PER_CLASS] for label in (0, 1)]
    )
    graph_seconds, graph = seconds_of(partial(_GRAPHS[name], pixels(images)))
    inverse_seconds, mbr = seconds_of(
        partial(MinimumBayesRisk, graph, labelled, classes[labelled], 2)
    )
    free = np.flatnonzero(~mbr.is_labelled_n)
    first_seconds, _ = seconds_of(partial(mbr.expected_risks, free))
    query = partial(mbr.query, _BATCH, 0, free, lambda row: classes[row])
    batch_seconds, _ = seconds_of(query)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # from KiB, on Linux
    seconds = (graph_seconds, inverse_seconds, first_seconds, batch_seconds / _BATCH)
    cells = (name, len(images), *(f"{each:.2f}" for each in seconds), f"{peak:.2f}")
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Prints the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", default="", help="folder with MNIST")
    parser.add_argument("--digits", type=int, nargs=2, default=(2, 8))
    parser.add_argument("--images", type=int, nargs="+", default=(1250, 2500, 5000))
    flags = parser.parse_args()
    from dbal_tf.datasets import mnist

    source = mnist.load(flags.data_dir)
    rows = np.flatnonzero(np.isin(source.train_classes, flags.digits))
    images = source.train.images[rows]
    classes = (source.train_classes[rows] == flags.digits[1]).astype(np.int64)
    print(_HEADER)
    with concurrent.futures.ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as processes:
        for name in _GRAPHS:
            for n in flags.images:
                print(processes.submit(measure, name, images[:n], classes[:n]).result())


if __name__ == "__main__":
    main()
