"""Evaluation of a model on all test items."""

import dataclasses
import math
from typing import Self

from dbal_tf.artifacts import Dataset, Evaluation, Model
from dbal_tf.bayesian import metrics
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.config import Config


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """Evaluates a model; see the flags of the same names."""

    posterior: str
    num_samples: int

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(config.posterior, config.num_samples)

    def run(self, model: Model, dataset: Dataset, seed: int) -> Evaluation:
        """Returns the model's evaluation with the posterior, and without dropout.

        Without test items, all measures are NaN.
        """
        images, classes = dataset.test.images, dataset.test_labels.classes
        if not len(classes):
            nothing = math.nan
            return Evaluation(nothing, nothing, nothing, nothing, nothing, nothing)
        predictor = predictor_for(model.network, self.posterior)
        probs = predictor.statistics(images, self.num_samples, seed).mean_probs
        point = (
            predictor_for(model.network, "deterministic").statistics(images, 1, seed).mean_probs
        )
        return Evaluation(
            error=metrics.error(probs, classes),
            nll=metrics.nll(probs, classes),
            brier=metrics.brier(probs, classes),
            ece=metrics.ece(probs, classes),
            deterministic_error=metrics.error(point, classes),
            deterministic_nll=metrics.nll(point, classes),
            auc=metrics.auc(probs, classes),
            sensitivity=metrics.sensitivity(probs, classes),
            reliability=metrics.reliability(probs, classes),
        )
