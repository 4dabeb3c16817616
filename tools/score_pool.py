"""Scores a whole pool: images per second, peak memory, the best ten.

The model is trained on 300 labels first. Peak memory is that of the process,
so measure each posterior and number of samples in one of its own.

  python tools/score_pool.py --dataset=tfrecord --data_dir=<folder of shards>
  python tools/score_pool.py --dataset=mnist --data_dir=... --count=20000 --num_samples=1000
"""

import argparse
import json
import resource
import time

import numpy as np

from dbal_tf.config import ACQUISITIONS, DATASETS, POSTERIORS
from dbal_tf.runtime import startup

_PER_CLASS = 30  # labels to train on
_MIB = 2**20


def main() -> None:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=DATASETS, default="tfrecord")
    parser.add_argument("--data_dir", required=True, help="folder with the data")
    parser.add_argument("--posterior", choices=POSTERIORS, default="mc_dropout")
    parser.add_argument("--acquisition", choices=ACQUISITIONS, default="bald")
    parser.add_argument("--num_samples", type=int, default=100, help="posterior samples T")
    parser.add_argument("--count", type=int, default=None, help="first images of the pool")
    flags = parser.parse_args()
    startup.import_tensorflow()
    print(json.dumps(measure(flags)))


def measure(flags: argparse.Namespace) -> dict[str, object]:
    """Returns what was measured, by name; memory in MiB."""
    from dbal_tf.acquisition import top_k
    from dbal_tf.components.example_gen import ExampleGen
    from dbal_tf.components.pool_scorer import PoolScorer
    from dbal_tf.components.trainer import Trainer

    start = time.perf_counter()
    dataset = ExampleGen(flags.dataset, flags.data_dir, _PER_CLASS, 100).run(seed=0)
    loaded = time.perf_counter()
    labels = dataset.hidden.select(dataset.splits.initial_ids)
    trainer = Trainer("bayesian_cnn", 50, 128, 1e-3, "merge")
    model = trainer.run(dataset, labels, weight_decay=2.5, seed=0)
    scorer = PoolScorer(flags.acquisition, "mean", flags.posterior, flags.num_samples, 0)
    selecting = time.perf_counter()
    pool = dataset.train.select(dataset.unlabelled(labels)[: flags.count])
    before, peak_before, scoring = _resident(), _peak(), time.perf_counter()
    scores = scorer.run(model, pool, seed=0)
    scored = time.perf_counter()
    best = top_k(scores.values, 10, seed=0)
    return {
        "images": len(pool),
        "posterior": flags.posterior,
        "num_samples": flags.num_samples,
        "load_seconds": round(loaded - start, 2),
        "select_seconds": round(scoring - selecting, 2),
        "score_seconds": round(scored - scoring, 2),
        "choose_seconds": round(time.perf_counter() - scored, 2),
        "images_per_second": round(len(pool) / (scored - scoring)),
        "memory_before_scoring": round(before),
        "peak_before_scoring": round(peak_before),
        "peak_memory": round(_peak()),
        "best": dict(
            zip(scores.ids[best].tolist(), np.round(scores.values[best], 4), strict=True)
        ),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / _MIB


if __name__ == "__main__":
    main()
