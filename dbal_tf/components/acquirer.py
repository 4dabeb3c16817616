"""Selection of the query from the scores."""

import dataclasses
from collections.abc import Callable
from typing import Self

import numpy as np

from dbal_tf.acquisition import batch_function
from dbal_tf.artifacts import Query, Scores
from dbal_tf.config import JOINT_BATCHES, Config

Samples = Callable[[np.ndarray], np.ndarray]
"""Maps ids `[n]` to the probabilities of their posterior samples, `[n, t, c]`."""


@dataclasses.dataclass(frozen=True)
class Acquirer:
    """Selects the query; see the flags of the same names."""

    acquisition_size: int
    batch: str = "top_k"
    stochastic: str = "power"
    temperature: float = 1.0
    candidates: int = 1000
    screening: str = "top_k"

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return config.build(cls)

    def run(self, scores: Scores, seed: int, samples: Samples | None = None) -> Query:
        """Returns the query, best first, ties broken by the seed.

        The first `acquisition_size` items are the query; up to as many more are its
        reserve.

        Args:
            scores: Finite scores of all items.
            seed: Seed for breaking ties, and for the noise and draws of a batch.
            samples: Returns the posterior samples of the candidates; needed by
                batches that use more than the scores.
        """
        # The reserve is as large as the query: even if every item of the query is skipped,
        # the round gets its labels without training again.
        count = min(2 * self.acquisition_size, len(scores.ids))
        # An empty pool has no items to draw samples for.
        name = self.batch if count else "top_k"
        choose = batch_function(name, self.stochastic, self.temperature)
        values, ids = scores.values, scores.ids
        if name in JOINT_BATCHES:
            if samples is None:
                raise ValueError(f"batch={self.batch} needs the samples of its candidates.")
            screen = batch_function(self.screening, self.stochastic, self.temperature)
            size = min(max(self.candidates, count), len(ids))
            screened = screen(values, ids, np.empty(0), size, seed)
            # In pool order, so that stored images are read in long stretches.
            screened = np.sort(screened)
            probs_ntc = samples(ids[screened])
            chosen = screened[choose(values[screened], ids[screened], probs_ntc, count, seed)]
        else:
            chosen = choose(values, ids, np.empty(0), count, seed)
        entropies = None if scores.entropies is None else scores.entropies[chosen]
        return Query(scores.ids[chosen], scores.values[chosen], entropies=entropies)
