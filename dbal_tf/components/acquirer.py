"""Chooses what to buy from the scores."""

import dataclasses

from dbal_tf.acquisition import top_k
from dbal_tf.artifacts import Query, Scores


@dataclasses.dataclass(frozen=True)
class Acquirer:
    """Parameters of the choice; see the flag of the same name."""

    acquisition_size: int

    def run(self, scores: Scores, seed: int) -> Query:
        """Returns the items with the highest scores, ties broken by the seed."""
        chosen = top_k(scores.values, self.acquisition_size, seed)
        entropies = None if scores.entropies is None else scores.entropies[chosen]
        return Query(scores.ids[chosen], scores.values[chosen], entropies=entropies)
