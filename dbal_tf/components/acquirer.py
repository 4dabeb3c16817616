"""Chooses what is asked from the scores."""

import dataclasses
from typing import Self

from dbal_tf.acquisition import top_k
from dbal_tf.artifacts import Query, Scores
from dbal_tf.config import Config


@dataclasses.dataclass(frozen=True)
class Acquirer:
    """Parameters of the choice; see the flag of the same name."""

    acquisition_size: int

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Takes the parameters from the settings."""
        return cls(config.acquisition_size)

    def run(self, scores: Scores, seed: int) -> Query:
        """Returns the items with the highest scores, ties broken by the seed.

        They are `acquisition_size` items and as many again, the reserve, as
        far as there are so many.
        """
        count = min(2 * self.acquisition_size, len(scores.ids))
        chosen = top_k(scores.values, count, seed)
        entropies = None if scores.entropies is None else scores.entropies[chosen]
        return Query(scores.ids[chosen], scores.values[chosen], entropies=entropies)
