"""Times fits from new weights, ours and the peers', for several numbers of labels."""

import functools
from typing import Any

from benchmarks import measuring, peers
from benchmarks.measuring import Results, Seconds, Settings, Table
from benchmarks.model import WEIGHT_DECAY

from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.datasets.source import Source

OURS = "ours"
_SIZES = (20, 500, 1000)


def run(source: Source, settings: Settings) -> Results:
    """Compares the seconds of the fits and the test errors of the networks."""
    rows, facts = [], {}
    for size in _SIZES:
        seconds, errors = fits(source, settings, size)
        facts[f"fit, N = {size}"] = seconds
        for name, error in errors.items():
            cells = (peers.INSTALL, "", "", "")
            if error is not None:
                times = measuring.ratio(seconds[name], seconds[OURS])
                cells = (*measuring.summary(seconds[name]), times, f"{100 * error:.1f}")
            rows.append((str(size), name, *cells))
    columns = ("N", "way", "seconds", "from, to", "/ ours", "test error, %")
    return [Table(f"A fit of {settings.epochs} epochs", columns, rows)], facts


def fits(source: Source, settings: Settings, size: int) -> tuple[Seconds, dict[str, Any]]:
    """Returns the seconds and the test error of each way."""
    task = peers.FittingTask(
        *(source.train.images[:size], source.train_classes[:size], WEIGHT_DECAY),
        *(source.test.images[:2000], source.test_classes[:2000]),
    )
    ways = {OURS: ours(task), **peers.fitting_ways(task)}
    present = {name: way for name, way in ways.items() if way}
    for way in present.values():
        way(1)
    calls = {name: functools.partial(way, settings.epochs) for name, way in present.items()}
    seconds, errors = measuring.interleaved(calls, settings.repetitions)
    return seconds, dict.fromkeys(ways) | errors


def ours(task: peers.FittingTask) -> peers.FittingWay:
    """Returns our way to fit, compiled once."""
    fitter = Fitter(bayesian_cnn, task.images.shape[1:], 10)
    predictor = predictor_for(fitter.network, "deterministic")

    def way(epochs: int) -> float:
        fitter.fit(task.images, task.classes, epochs, task.weight_decay, seed=0)
        return task.error(predictor.statistics(task.test_images, 1, 0).mean_probs)

    return way
