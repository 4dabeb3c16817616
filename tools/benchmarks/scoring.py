"""Times scoring of the same images by us and by the peers, and the limit of the machine."""

import functools
import statistics
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from benchmarks import measuring, peers
from benchmarks.measuring import Moments, Results, Seconds, Settings, Table, ratio, significant
from benchmarks.model import LABELS, scored, trained

from dbal_tf.bayesian.posteriors import McDropout
from dbal_tf.datasets.source import Source

EXACT, GAUSSIAN = "ours, exact", "ours, gaussian_dropout"
_COLUMNS = ("way", "seconds", "from, to", f"/ {EXACT}", f"/ {GAUSSIAN}", "z", "variance")
_REFERENCE_SAMPLES = 2000
_MOST_Z, _MOST_RATIO = 2.0, 1.5


def run(source: Source, settings: Settings) -> Results:
    """Compares seconds, after a check that all ways draw the same probabilities."""
    network, count = trained(source, settings.epochs), settings.num_samples
    images = source.train.images[LABELS : LABELS + settings.images]
    found = peers.scoring_ways(network, images)
    ways = {
        EXACT: functools.partial(scored, network, images, "mc_dropout"),
        GAUSSIAN: functools.partial(scored, network, images, "gaussian_dropout"),
        **{name: way for name, way in found.items() if way},
    }
    parts, flops = limit_calls(network, images, count)
    calls = {name: functools.partial(way, count) for name, way in ways.items()} | parts
    for compile_it in (calls[EXACT], calls[GAUSSIAN], *parts.values()):
        compile_it()
    seconds, results = measuring.interleaved(calls, settings.repetitions)
    reference = scored(network, images, "mc_dropout", _REFERENCE_SAMPLES, seed=1)
    rows = [row(name, seconds, check(name, results[name], count, reference)) for name in ways]
    absent = [(n, peers.INSTALL, *("",) * 5) for n, way in found.items() if not way]
    note = (
        "z: root mean square difference of the mean probabilities from those of exact samples "
        f"(T = {_REFERENCE_SAMPLES}, another seed), in standard errors; variance: ratio of the "
        "mean variances. Both are near 1 if a way draws from the same distribution."
    )
    title = f"Scoring {len(images)} images, T = {count}"
    tables = [Table(title, _COLUMNS, rows + absent, (note,)), limit_table(seconds, flops)]
    return tables, {"scoring": seconds}


def row(name: str, seconds: Seconds, agrees: tuple[float, float]) -> tuple[str, ...]:
    """Returns the table row of a way: its seconds, and their ratios to ours."""
    mine = seconds[name]
    return (
        *(name, *measuring.summary(mine)),
        *(ratio(mine, seconds[EXACT]), ratio(mine, seconds[GAUSSIAN])),
        *(f"{number:.2f}" for number in agrees),
    )


def check(name: str, result: Moments, count: int, reference: Moments) -> tuple[float, float]:
    """Returns how far a way is from the reference; raises if the distributions differ."""
    z, variance = measuring.agreement(result, count, reference, _REFERENCE_SAMPLES)
    if not (z < _MOST_Z and 1 / _MOST_RATIO < variance < _MOST_RATIO):
        raise ArithmeticError(
            f"'{name}' does not draw what ours draws: z = {z:.2f}, variance ratio "
            f"{variance:.2f}, expected about 1 each."
        )
    return z, variance


def limit_calls(
    network: keras.Model, images: np.ndarray, count: int
) -> tuple[dict[str, Callable[[], Any]], dict[str, float]]:
    """Returns calls of the work that the exact way needs at least, and of a large product.

    Returns:
        The calls, and the floating point operations of those that are products.
    """
    posterior, floats = McDropout(network), tf.constant(images, tf.float32)
    features = tf.function(posterior.features)
    packed = posterior.sample(tf.range(count, dtype=tf.int64), tf.constant(0, tf.int64))
    flat, kept = (
        tf.reshape(features(floats)[0], [len(images), -1]),
        tf.transpose(packed.kernel[: packed.ends[-1]]),
    )
    rng = np.random.default_rng(0)
    large = [tf.constant(rng.normal(size=s), tf.float32) for s in ((2000, 3872), (3872, 6400))]
    product = tf.function(tf.matmul, reduce_retracing=True)
    calls = {
        "features": lambda: features(floats),
        "kept columns": lambda: product(flat, kept),
        "large product": lambda: product(*large),
    }
    factors = {"kept columns": (flat, kept), "large product": large}
    return calls, {
        name: 2.0 * np.prod(a.shape) * b.shape[1] for name, (a, b) in factors.items()
    }


def limit_table(seconds: Seconds, flops: dict[str, float]) -> Table:
    """Compares ours with the time of the features and of the needed product."""
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    limit = medians["features"] + medians["kept columns"]
    rate = flops["large product"] / medians["large product"]
    rows = [
        ("features alone, compiled", significant(medians["features"])),
        ("the kept columns of all samples, one product", significant(medians["kept columns"])),
        (
            "the same at the rate of the large product",
            significant(flops["kept columns"] / rate),
        ),
        ("limit: features and product", significant(limit)),
        (EXACT, significant(medians[EXACT])),
        (f"{EXACT} / limit", f"{medians[EXACT] / limit:.2f}"),
    ]
    best = flops["large product"] / min(seconds["large product"])
    note = (
        f"A float32 product [2000, 3872] x [3872, 6400] runs at {rate / 1e9:.0f} GFLOP/s, at "
        f"best at {best / 1e9:.0f}."
    )
    return Table("The limit of the exact way", ("what", "seconds"), rows, (note,))
