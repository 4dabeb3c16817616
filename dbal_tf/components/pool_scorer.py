"""Scores unlabelled items by what their labels would teach."""

import dataclasses

import numpy as np

from dbal_tf.acquisition import acquisition_function, max_entropy
from dbal_tf.artifacts import Examples, Model, Scores
from dbal_tf.bayesian.inference import predictor_for


@dataclasses.dataclass(frozen=True)
class PoolScorer:
    """Parameters of the scoring; see the flags of the same names."""

    acquisition: str
    var_ratios: str
    posterior: str
    num_samples: int
    pool_subset: int

    def run(self, model: Model, unlabelled: Examples, seed: int) -> Scores:
        """Returns a score for every unlabelled item, or for a random subset.

        Args:
            model: The round's model.
            unlabelled: Items that may be bought.
            seed: Seed of the posterior samples and of the subset.

        Raises:
            ArithmeticError: A score is not finite.
        """
        if 0 < self.pool_subset < len(unlabelled):
            chosen = np.random.default_rng(seed).choice(
                len(unlabelled), self.pool_subset, replace=False
            )
            unlabelled = unlabelled.select(unlabelled.ids[np.sort(chosen)])
        if self.acquisition == "random":
            return Scores(unlabelled.ids, np.zeros(len(unlabelled)))
        predictor = predictor_for(model.network, self.posterior)
        statistics = predictor.statistics(unlabelled.images, self.num_samples, seed)
        score = acquisition_function(self.acquisition, self.var_ratios)
        values = np.asarray(score(statistics), np.float64)
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise ArithmeticError(
                f"{bad} of {len(values)} {self.acquisition} scores are not finite."
            )
        entropies = np.asarray(max_entropy(statistics), np.float64)
        return Scores(unlabelled.ids, values, entropies)
