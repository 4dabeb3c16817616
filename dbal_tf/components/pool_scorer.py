"""Acquisition scores of the unlabelled items."""

import dataclasses
from collections.abc import Iterator
from typing import Self

import numpy as np

from dbal_tf.acquisition import (
    acquisition_function,
    epig,
    jackknife,
    max_entropy,
    random_subset,
    standard_errors,
    top_k,
)
from dbal_tf.artifacts import Examples, Lookup, Model, Scores
from dbal_tf.bayesian.inference import Predictor, predictor_for
from dbal_tf.bayesian.posteriors import screening_posterior
from dbal_tf.bayesian.statistics import entropy
from dbal_tf.config import JOINT_ACQUISITIONS, Config
from dbal_tf.core import AcquisitionFunction
from dbal_tf.seeds import seed_for

# Most probabilities in memory at once, 64 MB. In larger parts, samples are drawn less often.
_PROBS = 2**24


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
    targets: int = 100

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        (acquisition,) = config.acquisition
        return config.build(cls, acquisition=acquisition)

    def run(self, model: Model, unlabelled: Examples, seed: int) -> Scores:
        """Returns a score for each unlabelled item, or for each candidate among them.

        With `pool_subset`, the candidates are a random subset of that size. With
        `refine`, they are the items that the fast posterior scores best, and are
        scored again with `refine_samples` exact samples. The targets of epig are
        a random sample of all unlabelled items.

        Args:
            model: The round's model.
            unlabelled: The unlabelled items of the pool.
            seed: Seed of the posterior samples and of the subset.

        Raises:
            ArithmeticError: A score is not finite.
        """
        whole = unlabelled
        if 0 < self.pool_subset < len(unlabelled):
            chosen = random_subset(len(unlabelled), self.pool_subset, seed)
            unlabelled = unlabelled.select(unlabelled.ids[chosen])
        if self.acquisition == "random":
            return Scores(unlabelled.ids, np.zeros(len(unlabelled)))
        if self.acquisition in JOINT_ACQUISITIONS:
            return self._joint_scores(model, unlabelled, self._targets(whole, seed), seed)
        if 0 < self.refine < len(unlabelled):
            screening = screening_posterior(model.network)
            screened = self._scores(model, unlabelled, screening, self.num_samples, seed)
            best = top_k(screened.values, self.refine, seed)
            # In pool order, so that stored images are read in long stretches.
            unlabelled = unlabelled.select(screened.ids[np.sort(best)])
        return self._scores(model, unlabelled, *self._last_pass, seed)

    def samples(self, model: Model, chosen: Examples, seed: int) -> np.ndarray:
        """Returns the posterior samples of items as they were scored, `[n, t, c]`.

        Args:
            model: The round's model.
            chosen: Items that were scored; all their samples are in memory.
            seed: The seed that they were scored with.
        """
        predictor = predictor_for(model.network, self.posterior)
        return predictor.probs(chosen.images, self.num_samples, seed)

    def standard_errors(
        self, model: Model, chosen: Examples, unlabelled: Examples, seed: int
    ) -> np.ndarray | None:
        """Returns the standard errors of a few items' scores; None if there are none.

        Exact scores have none, and two samples are too few to estimate them.

        Args:
            model: The round's model.
            chosen: Items that were scored, `k` of them.
            unlabelled: All unlabelled items, as `run` got them.
            seed: The seed that they were scored with.
        """
        if self.acquisition == "random":
            return None
        posterior, num_samples = self._last_pass
        predictor = predictor_for(model.network, posterior)
        if predictor.num_samples(num_samples) < 3:
            return None
        # The same seed gives the same samples, so these are the errors of the scores that
        # decided the choice. Only a few items, because all samples are in memory.
        probs_ntc = predictor.probs(chosen.images, num_samples, seed)
        if self.acquisition in JOINT_ACQUISITIONS:
            targets = self._targets(unlabelled, seed)
            targets_mtc = predictor.probs(targets.images, num_samples, seed)
            own_n = Lookup(targets.ids).rows(chosen.ids)
            return jackknife(
                lambda kept: epig(probs_ntc[:, kept], targets_mtc[:, kept], own_n),
                probs_ntc.shape[1],
            )
        return standard_errors(self._function, probs_ntc)

    @property
    def _function(self) -> AcquisitionFunction:
        return acquisition_function(self.acquisition, self.var_ratios)

    @property
    def _last_pass(self) -> tuple[str, int]:
        """The posterior that the query is chosen with, and its number of samples."""
        if self.refine:
            return "mc_dropout", self.refine_samples
        return self.posterior, self.num_samples

    def _scores(
        self, model: Model, items: Examples, posterior: str, num_samples: int, seed: int
    ) -> Scores:
        predictor = predictor_for(model.network, posterior)
        statistics = predictor.statistics(items.images, num_samples, seed)
        entropies = np.asarray(max_entropy(statistics), np.float64)
        return self._checked(items.ids, self._function(statistics), entropies)

    def _joint_scores(
        self, model: Model, items: Examples, targets: Examples, seed: int
    ) -> Scores:
        """Returns the EPIG scores, which need each sample's probabilities."""
        predictor = predictor_for(model.network, self.posterior)
        targets_mtc = predictor.probs(targets.images, self.num_samples, seed)
        own_n = Lookup(targets.ids).rows(items.ids)
        values, entropies, done = [], [], 0
        for probs_ntc in self._parts(predictor, items, targets_mtc[0].size, seed):
            values.append(epig(probs_ntc, targets_mtc, own_n[done : done + len(probs_ntc)]))
            done += len(probs_ntc)
            entropies.append(np.asarray(entropy(probs_ntc.mean(axis=1)), np.float64))
        return self._checked(items.ids, np.concatenate(values), np.concatenate(entropies))

    def _parts(
        self, predictor: Predictor, items: Examples, size: int, seed: int
    ) -> Iterator[np.ndarray]:
        """Yields the samples of some items at a time, `size` probabilities per item."""
        step = max(1, _PROBS // size)
        for start in range(0, len(items), step):
            yield predictor.probs(items.images[start : start + step], self.num_samples, seed)

    def _targets(self, unlabelled: Examples, seed: int) -> Examples:
        """Returns the items whose labels epig is to predict."""
        # Another seed, because `seed` draws the subset of the pool.
        drawn = random_subset(len(unlabelled), self.targets, seed_for(seed, 0, 0, "targets"))
        return unlabelled.select(unlabelled.ids[drawn])

    def _checked(
        self, ids: np.ndarray, scores: np.ndarray, entropies: np.ndarray | None = None
    ) -> Scores:
        values = np.asarray(scores, np.float64)
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise ArithmeticError(
                f"{bad} of {len(values)} {self.acquisition} scores are not finite."
            )
        return Scores(ids, values, entropies)
