"""Measures how well few or approximate posterior samples choose the best images.

The reference is exact MC dropout with many samples and another seed, on a pool
of MNIST images, with a network trained on a few labels. Prints a table with a row
for each way of scoring: the rank correlation (Spearman) of its scores with the
reference, the shares of the reference's best 10 and 100 that it finds, and the
quality of its ten: their mean BALD score in the reference, divided by that of the
best ten.

  python tools/choice_quality.py --data_dir=<folder with MNIST>
"""

import argparse
import dataclasses

import numpy as np
import scipy.stats

from dbal_tf.runtime import startup

startup.import_tensorflow()

from benchmarks.model import WEIGHT_DECAY, trained  # noqa: E402

from dbal_tf.acquisition import ACQUISITIONS, top_k  # noqa: E402
from dbal_tf.artifacts import Examples, Model  # noqa: E402
from dbal_tf.bayesian.inference import predictive_statistics  # noqa: E402
from dbal_tf.bayesian.statistics import PredictiveStatistics  # noqa: E402
from dbal_tf.components.pool_scorer import PoolScorer  # noqa: E402
from dbal_tf.datasets import LOADERS  # noqa: E402

_EXACT = PoolScorer("bald", "mean", "mc_dropout", num_samples=100, pool_subset=0)
_FAST = dataclasses.replace(_EXACT, posterior="gaussian_dropout")
_WAYS = {
    "exact, T = 20": dataclasses.replace(_EXACT, num_samples=20),
    "exact, T = 100": _EXACT,
    "exact, T = 1,000": dataclasses.replace(_EXACT, num_samples=1000),
    "gaussian, T = 100": _FAST,
    "gaussian, T = 1,000": dataclasses.replace(_FAST, num_samples=1000),
    "refined, 200 x 2,000": dataclasses.replace(_EXACT, refine=200),
    "refined, 500 x 2,000": dataclasses.replace(_EXACT, refine=500),
}


@dataclasses.dataclass(frozen=True)
class Reference:
    """The pool's scores from many samples: BALD and predictive entropy, `[n]`."""

    bald_n: np.ndarray
    entropy_n: np.ndarray

    @classmethod
    def of(cls, statistics: PredictiveStatistics) -> "Reference":
        """Returns the reference scores."""
        both = (ACQUISITIONS[name](statistics) for name in ("bald", "max_entropy"))
        return cls(*(np.asarray(scores, np.float64) for scores in both))

    def quality(self, chosen: np.ndarray) -> float:
        """Returns the mean BALD of the chosen items, divided by that of as many best ones."""
        best = np.sort(self.bald_n)[-len(chosen) :]
        return float(self.bald_n[chosen].mean() / best.mean())

    def overlap(self, chosen: np.ndarray) -> float:
        """Returns the share of the best items, as many as were chosen, that were chosen."""
        best = top_k(self.bald_n, len(chosen), seed=0)
        return len(np.intersect1d(best, chosen)) / len(chosen)


def measures(
    scorer: PoolScorer, model: Model, pool: Examples, reference: Reference, seed: int
) -> list[float]:
    """Returns the two correlations, two overlaps and the quality of a way of scoring.

    A way that refines has scores for the refined items only, so its correlations
    are NaN.
    """
    scores = scorer.run(model, pool, seed)
    rows = scores.ids.astype(int)
    best_100 = rows[top_k(scores.values, 100, seed)]
    correlations = [np.nan, np.nan]
    if not scorer.refine:
        own = Reference.of(
            predictive_statistics(
                model.network, pool.images, scorer.num_samples, seed, scorer.posterior
            )
        )
        pairs = ((own.bald_n, reference.bald_n), (own.entropy_n, reference.entropy_n))
        correlations = [scipy.stats.spearmanr(*pair).statistic for pair in pairs]
    overlaps = [reference.overlap(best_100[:10]), reference.overlap(best_100)]
    return [*correlations, *overlaps, reference.quality(best_100[:10])]


def main() -> None:
    """Measures each way of scoring and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder with MNIST")
    parser.add_argument("--labels", type=int, default=300, help="labels of the network")
    parser.add_argument("--pool", type=int, default=8000, help="images that are scored")
    parser.add_argument("--samples", type=int, default=5000, help="T of the reference")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions of each way")
    options = parser.parse_args()
    source = LOADERS["mnist"](options.data_dir)
    images = source.train.images
    network = trained(source, labels=options.labels)
    model = Model(network, options.labels, WEIGHT_DECAY, 0)
    chosen = images[options.labels :][: options.pool]
    pool = Examples(np.arange(len(chosen)).astype(str), chosen)
    reference = Reference.of(
        predictive_statistics(model.network, chosen, options.samples, seed=10**6)
    )
    print("| way | Spearman, BALD | entropy | best 10 | best 100 | quality of the ten |")
    print("|---|---|---|---|---|---|")
    for name, scorer in _WAYS.items():
        runs = [measures(scorer, model, pool, reference, s) for s in range(options.seeds)]
        cells = [_cell(values) for values in zip(*runs, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _cell(values: tuple[float, ...]) -> str:
    low, high = min(values), max(values)
    if np.isnan(low):
        return "-"
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"


if __name__ == "__main__":
    main()
