"""Selection of the query by the scores."""

import dataclasses
from typing import Self

from dbal_tf.acquisition import top_k
from dbal_tf.artifacts import Query, Scores
from dbal_tf.config import Config


@dataclasses.dataclass(frozen=True)
class Acquirer:
    """Selects the items with the highest scores; see the flag of the same name."""

    acquisition_size: int

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(config.acquisition_size)

    def run(self, scores: Scores, seed: int) -> Query:
        """Returns the items with the highest scores, ties broken by the seed.

        The first `acquisition_size` items are the query, up to as many more its
        reserve.
        """
        # The reserve is as large as the query: even if every item of it is skipped, the
        # round gets its labels without another training.
        count = min(2 * self.acquisition_size, len(scores.ids))
        chosen = top_k(scores.values, count, seed)
        entropies = None if scores.entropies is None else scores.entropies[chosen]
        return Query(scores.ids[chosen], scores.values[chosen], entropies=entropies)
