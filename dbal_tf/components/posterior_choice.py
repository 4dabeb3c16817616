"""Choice by a network's posterior: scores, the query, and its standard errors."""

import dataclasses
from typing import Self

import numpy as np

from dbal_tf.artifacts import Evaluation, Examples, Labels, Model, Query, Scores
from dbal_tf.components.acquirer import Acquirer
from dbal_tf.components.beam_scorer import scorer_for
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.config import Config
from dbal_tf.core import SeedFor


@dataclasses.dataclass(frozen=True)
class PosteriorChooser:
    """Chooses by an acquisition function of the posterior; see `core.Chooser`."""

    scorer: PoolScorer
    acquirer: Acquirer

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(scorer_for(config), Acquirer.from_config(config))

    def run(
        self, model: Model, labels: Labels, unlabelled: Examples, seed_for: SeedFor
    ) -> tuple[Scores, Query]:
        """Returns the scores and the ranked query with its reserve."""
        del labels  # The model was trained on them.
        masks = seed_for("masks")
        scores = self.scorer.run(model, unlabelled, masks)
        query = self.acquirer.run(
            scores,
            seed_for("ties"),
            lambda ids: self.scorer.samples(model, unlabelled.select(ids), masks),
        )
        size = self.acquirer.acquisition_size
        # Query and reserve separately: sums over another number of images round differently,
        # and the errors of the query should not depend on whether there is a reserve.
        parts = [unlabelled.select(ids) for ids in (query.ids[:size], query.ids[size:])]
        errors = [
            self.scorer.standard_errors(model, part, unlabelled, masks)
            for part in parts
            if len(part)
        ]
        known = [one for one in errors if one is not None]
        joined = np.concatenate(known) if known else None
        return scores, dataclasses.replace(query, standard_errors=joined)

    def evaluate(self, evaluation: Evaluation, labels: Labels) -> Evaluation:
        """Returns the evaluation unchanged: the network is the only classifier."""
        del labels
        return evaluation
