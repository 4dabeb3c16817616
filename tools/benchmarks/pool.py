"""Times our ways to score the whole pool, against the number of images and against T."""

import functools
import statistics
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from benchmarks import measuring
from benchmarks.measuring import Results, Settings, Table, ratio, significant
from benchmarks.model import LABELS, WEIGHT_DECAY, scored, trained

from dbal_tf.artifacts import Examples, Model
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.datasets.source import Source

_POOL = 59_880
_IMAGES = (10_000, 20_000, 40_000, _POOL)
_SAMPLES = (25, 50, 100, 200)


def refined(network: keras.Model, images: np.ndarray) -> None:
    """Scores all images by the Gaussian limit, then the best 500 by 2,000 exact samples."""
    scorer = PoolScorer("bald", "mean", "mc_dropout", 100, 0, refine=500, refine_samples=2000)
    ids = np.arange(len(images)).astype(str)
    scorer.run(Model(network, LABELS, WEIGHT_DECAY, 0), Examples(ids, images), seed=0)


WAYS: dict[str, Callable[[keras.Model, np.ndarray], Any]] = {
    "exact, T = 100": lambda net, x: scored(net, x, "mc_dropout", 100),
    "gaussian_dropout, T = 100": lambda net, x: scored(net, x, "gaussian_dropout", 100),
    "gaussian_dropout, T = 1000": lambda net, x: scored(net, x, "gaussian_dropout", 1000),
    "refined: the 500 best of gaussian_dropout, T = 100, at T = 2000": refined,
}


def run(source: Source, settings: Settings) -> Results:
    """Scores the whole pool in every way, and subsets of it exactly."""
    network, images = trained(source, settings.epochs), source.train.images[-_POOL:]
    for way in WAYS.values():
        way(network, images[:2000])
    exact = functools.partial(scored, network, posterior="mc_dropout")
    few = images[: _IMAGES[1]]
    calls = {
        **{name: functools.partial(way, network, images) for name, way in WAYS.items()},
        **{f"n = {n}": functools.partial(exact, images[:n], num_samples=100) for n in _IMAGES},
        **{f"T = {t}": functools.partial(exact, few, num_samples=t) for t in _SAMPLES},
    }
    seconds, _ = measuring.interleaved(calls, settings.repetitions)
    first = seconds[next(iter(WAYS))]
    rows = []
    for name in WAYS:
        rate = _POOL / statistics.median(seconds[name])
        numbers = measuring.summary(seconds[name])
        rows.append((name, *numbers, f"{rate:,.0f}", ratio(seconds[name], first)))
    columns = ("way", "seconds", "from, to", "images a second", "/ exact")

    def growth(title: str, sign: str, numbers: tuple[int, ...]) -> Table:
        medians = [statistics.median(seconds[f"{sign} = {number}"]) for number in numbers]
        return line_table(title, sign, np.array(numbers), np.array(medians))

    tables = [
        Table(f"The whole pool, {_POOL:,} images", columns, rows),
        growth("Exact, T = 100, against the number of images", "n", _IMAGES),
        growth(f"Exact, {len(few):,} images, against T", "T", _SAMPLES),
    ]
    return tables, {"pool": seconds}


def line_table(title: str, sign: str, numbers: np.ndarray, seconds: np.ndarray) -> Table:
    """Compares seconds with the line `a + b x` of least relative squared error."""
    design = np.stack([np.ones(len(numbers)), numbers], axis=1) / seconds[:, np.newaxis]
    (fixed, slope), *_ = np.linalg.lstsq(design, np.ones(len(numbers)), rcond=None)
    line = fixed + slope * numbers
    rows = [
        (f"{number:,}", significant(actual), significant(fitted), f"{actual / fitted - 1:+.1%}")
        for number, actual, fitted in zip(numbers, seconds, line, strict=True)
    ]
    note = f"The line: {fixed:.3f} s + {1000 * slope:.4g} ms * {sign}."
    return Table(title, (sign, "seconds", "on a line", "off the line"), rows, (note,))
