"""The decision whether a round's model is exported."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Self

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config


@dataclasses.dataclass(frozen=True)
class PushGate:
    """Decides whether a model is exported; see the flags of the same names.

    Without `bless_max_error`, every model that is due is exported. With it, a model that
    is due is blessed if its test error is at most that and below the error of the last
    blessed model. One that is not blessed is exported only in the last round. The verdict is
    part of the evaluation, so that a resumed run finds it in the store.
    """

    rounds: int
    export_every: int
    bless_max_error: float = 0.0

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(config.rounds, config.export_every, config.bless_max_error)

    def run(
        self,
        evaluation: Evaluation,
        curve: Sequence[CurvePoint],
        index: int,
        is_last: bool = False,
    ) -> tuple[Evaluation, bool, str]:
        """Returns the evaluation with its verdict, and whether to export the model.

        The last round's model is exported unless `export_every` is -1.

        Args:
            evaluation: The evaluation of the round's model.
            curve: The earlier rounds.
            index: The round.
            is_last: Whether no round follows, for example because the pool is used up.

        Returns:
            The evaluation, with `blessed` set if there is a threshold; whether to
            export; and a sentence on why the model is not blessed, empty if it is
            or if there is no threshold.
        """
        # Without this, a run could end with no model to serve.
        last = (is_last or index == self.rounds) and self.export_every >= 0
        due = bool(self.export_every > 0 and index and index % self.export_every == 0)
        if not (last or due) or not self.bless_max_error:
            return evaluation, last or due, ""
        reason = self._refusal(evaluation, curve)
        evaluation = dataclasses.replace(evaluation, blessed=not reason)
        if not reason:
            return evaluation, True, ""
        outcome = "is exported as the last, but not blessed" if last else "is not exported"
        return evaluation, last, f"Round {index} {outcome}: {reason}."

    def _refusal(self, evaluation: Evaluation, curve: Sequence[CurvePoint]) -> str:
        """Returns a clause on why a model is not blessed; empty if it is."""
        pushed = [point.evaluation.error for point in curve if point.evaluation.blessed]
        error, most = evaluation.error, self.bless_max_error
        if math.isnan(error):
            return "its test error is not known, as no test image has a known class"
        if error > most:
            return f"its test error of {error:.2%} is above --bless_max_error={most:g}"
        if pushed and error >= pushed[-1]:
            return f"its test error of {error:.2%} is not below the last one's {pushed[-1]:.2%}"
        return ""
