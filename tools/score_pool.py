"""Scores a whole pool, and prints images per second, peak memory and the best images.

First it trains the model on 300 labels. Peak memory is that of the process, so
measure each posterior and number of samples in a separate process.

  python tools/score_pool.py --dataset=tfrecord --data_dir=<folder of shards>
  python tools/score_pool.py --dataset=mnist --data_dir=... --count=20000 --num_samples=1000
"""

import argparse
import json
import resource
import time
from typing import Any

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
    parser.add_argument("--top", type=int, default=10, help="best images that are printed")
    parser.add_argument("--export", default="", help="new folder for the model, for scaleout")
    flags = parser.parse_args()
    startup.import_tensorflow()
    print(json.dumps(measure(flags)))


def measure(flags: argparse.Namespace) -> dict[str, object]:
    """Returns the measurements by name; memory is in MiB."""
    from dbal_tf.acquisition import stochastic
    from dbal_tf.components.example_gen import ExampleGen
    from dbal_tf.components.pool_scorer import PoolScorer
    from dbal_tf.config import Config

    start = time.perf_counter()
    dataset = ExampleGen(flags.dataset, flags.data_dir, _PER_CLASS, 100).run(seed=0)
    loaded = time.perf_counter()
    labels = dataset.hidden.select(dataset.splits.initial_ids)
    model = trained(flags, dataset, labels)
    scorer = PoolScorer.from_config(
        Config(
            acquisition=(flags.acquisition,),
            posterior=flags.posterior,
            num_samples=flags.num_samples,
        )
    )
    selecting = time.perf_counter()
    # Includes the training images, because dbal_tf.scaleout scores them in the shards too.
    pool = dataset.train.select(dataset.train.ids[: flags.count])
    before, peak_before, scoring = _resident(), _peak(), time.perf_counter()
    scores = scorer.run(model, pool, seed=0)
    scored = time.perf_counter()
    # Breaks ties in the same way as dbal_tf.scaleout.
    best = stochastic(scores.values, scores.ids, flags.top, 0, "softmax", temperature=0)
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


def trained(flags: argparse.Namespace, dataset: Any, labels: Any) -> Any:
    """Returns a model trained on the labels, and exports it if --export is set."""
    from dbal_tf.components.serving import serving_archive
    from dbal_tf.components.trainer import Trainer
    from dbal_tf.config import Config

    trainer = Trainer.from_config(Config(posterior=flags.posterior))
    model = trainer.run(trainer.fitter(dataset), dataset, labels, 2.5, seed=0)
    if flags.export:
        given = model.network, flags.posterior, "mean", flags.num_samples, 0
        serving_archive(*given, dataset.class_names)[0].write_out(flags.export, verbose=False)
    return model


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / _MIB


if __name__ == "__main__":
    main()
