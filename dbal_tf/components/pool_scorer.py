"""Acquisition scores of the unlabelled items."""

import dataclasses
from typing import Self

import numpy as np

from dbal_tf.acquisition import (
    acquisition_function,
    max_entropy,
    random_subset,
    standard_errors,
    top_k,
)
from dbal_tf.artifacts import Examples, Model, Scores
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.bayesian.posteriors import screening_posterior
from dbal_tf.config import Config
from dbal_tf.core import AcquisitionFunction


@dataclasses.dataclass(frozen=True)
class PoolScorer:
    """Scores the pool; see the flags of the same names."""

    acquisition: str
    var_ratios: str
    posterior: str
    num_samples: int
    pool_subset: int
    refine: int = 0
    refine_samples: int = 2000

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        (acquisition,) = config.acquisition
        return cls(
            acquisition,
            config.var_ratios,
            config.posterior,
            config.num_samples,
            config.pool_subset,
            config.refine,
            config.refine_samples,
        )

    def run(self, model: Model, unlabelled: Examples, seed: int) -> Scores:
        """Returns a score for each unlabelled item, or for each candidate among them.

        With `pool_subset`, the candidates are a random subset of so many items. With
        `refine`, they are the items that the fast posterior scores best, and are
        scored again with `refine_samples` exact samples.

        Args:
            model: The round's model.
            unlabelled: The unlabelled items of the pool.
            seed: Seed of the posterior samples and of the subset.

        Raises:
            ArithmeticError: A score is not finite.
        """
        if 0 < self.pool_subset < len(unlabelled):
            chosen = random_subset(len(unlabelled), self.pool_subset, seed)
            unlabelled = unlabelled.select(unlabelled.ids[chosen])
        if self.acquisition == "random":
            return Scores(unlabelled.ids, np.zeros(len(unlabelled)))
        if 0 < self.refine < len(unlabelled):
            screening = screening_posterior(model.network)
            screened = self._scores(model, unlabelled, screening, self.num_samples, seed)
            best = top_k(screened.values, self.refine, seed)
            # In the order of the pool: stored images are then read in long stretches.
            unlabelled = unlabelled.select(screened.ids[np.sort(best)])
        return self._scores(model, unlabelled, *self._last_pass, seed)

    def standard_errors(self, model: Model, chosen: Examples, seed: int) -> np.ndarray | None:
        """Returns the standard errors of a few items' scores; None if scores are exact.

        Args:
            model: The round's model.
            chosen: Items that were scored, `k` of them.
            seed: The seed that they were scored with.
        """
        if self.acquisition == "random":
            return None
        posterior, num_samples = self._last_pass
        predictor = predictor_for(model.network, posterior)
        if predictor.num_samples(num_samples) == 1:
            return None
        # The same seed gives the same samples: these are the errors of the scores that the
        # choice was made by. Only a few items, because all samples are in memory.
        probs_ntc = predictor.probs(chosen.images, num_samples, seed)
        return standard_errors(self._function, probs_ntc)

    @property
    def _function(self) -> AcquisitionFunction:
        return acquisition_function(self.acquisition, self.var_ratios)

    @property
    def _last_pass(self) -> tuple[str, int]:
        """The posterior that the query is chosen by, and its number of samples."""
        if self.refine:
            return "mc_dropout", self.refine_samples
        return self.posterior, self.num_samples

    def _scores(
        self, model: Model, items: Examples, posterior: str, num_samples: int, seed: int
    ) -> Scores:
        predictor = predictor_for(model.network, posterior)
        statistics = predictor.statistics(items.images, num_samples, seed)
        values = np.asarray(self._function(statistics), np.float64)
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise ArithmeticError(
                f"{bad} of {len(values)} {self.acquisition} scores are not finite."
            )
        entropies = np.asarray(max_entropy(statistics), np.float64)
        return Scores(items.ids, values, entropies)
