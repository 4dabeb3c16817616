"""Measures a model on all test items, and says whether it may be pushed."""

import dataclasses
from collections.abc import Sequence

from dbal_tf.artifacts import CurvePoint, Dataset, Evaluation, Model
from dbal_tf.bayesian import metrics
from dbal_tf.bayesian.inference import predictor_for


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """Parameters of the evaluation; see the flags of the same names."""

    posterior: str
    num_samples: int
    bless_max_error: float = 0.0

    def run(self, model: Model, dataset: Dataset, seed: int) -> Evaluation:
        """Returns the model's evaluation by the posterior and without dropout."""
        images, classes = dataset.test.images, dataset.test_labels.classes
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
            reliability=metrics.reliability(probs, classes),
        )

    def bless(
        self, evaluation: Evaluation, curve: Sequence[CurvePoint]
    ) -> tuple[Evaluation, str | None]:
        """Returns the evaluation with its verdict, and as a clause why not, if not.

        A model is blessed if its test error is at most `bless_max_error` and
        below that of the last one that was blessed, and so pushed.

        Args:
            evaluation: The model's.
            curve: The rounds before.
        """
        pushed = [p.evaluation.error for p in curve if p.evaluation.blessed]
        error, most, refusal = evaluation.error, self.bless_max_error, None
        if error > most:
            refusal = f"its test error of {error:.2%} is above --bless_max_error={most:g}"
        elif pushed and error >= pushed[-1]:
            refusal = (
                f"its test error of {error:.2%} is not below the last one's {pushed[-1]:.2%}"
            )
        return dataclasses.replace(evaluation, blessed=refusal is None), refusal
