"""The progress of a run: budget, labelling speed, learning curve."""

import math

import numpy as np

from dbal_tf.artifacts import CurvePoint
from dbal_tf.labelling.advice import sentence
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.store.rows import LABELLED, TEST, TRAIN, VALIDATION

_RECENT = 50  # Answers of each person by which the speed is measured.
_LEAST = 3
_Z = 1.959964  # of a 95 % interval


class Progress:
    """Sums up a run; costly parts are computed once per round.

    Args:
        ledger: The run's labels.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of_round: tuple[int | None, list[CurvePoint], str | None] = (None, [], None)

    def summary(self, is_done: bool = False) -> dict[str, object]:
        """Returns the budget, in labels, the speed and the stopping advice.

        Args:
            is_done: Whether the run has ended; then no label is left to give, although
                skipped images may have left it with fewer than were planned.
        """
        return {
            "budget": self._budget(is_done),
            "labels_per_hour": self._labels_per_hour(),
            "advice": self._this_round()[1],
        }

    def _budget(self, is_done: bool) -> dict[str, int]:
        ledger, counts = self._ledger, self._ledger.counts
        # The start has no reserve: nothing replaces what was skipped.
        start = sum(
            ledger.use(item) == TRAIN and ledger.state(item) in (None, LABELLED)
            for item in ledger.start
        )
        # Labels that were given to the reserve while a model was trained replace none of these:
        # later queries are as large.
        asked = 0 if ledger.last_round is None else ledger.last_round + 1
        later = max(0, ledger.config.rounds - asked) * ledger.config.acquisition_size
        waits = sum(ledger.use(item) == TRAIN for item in ledger.open()[0])
        sizes = {use: len(ledger.asked_of.get(use, ())) for use in (TEST, VALIDATION)}
        return {
            "spent": counts[TRAIN, LABELLED],
            "left": 0 if is_done else waits + later,
            "start": start,
            "test": counts[TEST, LABELLED],
            "of_test": sizes[TEST],
            "validation": counts[VALIDATION, LABELLED],
            "of_validation": sizes[VALIDATION],
            "corrections": ledger.corrections,
            "skipped": sum(counts[use, "skipped"] for use in (TRAIN, TEST, VALIDATION)),
            "unsure": sum(counts[use, "unsure"] for use in (TRAIN, TEST, VALIDATION)),
        }

    def _labels_per_hour(self) -> float | None:
        """Returns the speed of the last answers of all people, without their pauses."""
        recent = [
            answer.seconds
            for given in self._ledger.given.values()
            for answer in given[-_RECENT:]
            if answer.seconds
        ]
        if len(recent) < _LEAST:
            return None
        return round(3600 * len(recent) / sum(recent), 1)

    def curve(self) -> dict[str, list[float]]:
        """Returns errors by number of labels, with 95 % intervals."""
        points = self._this_round()[0]
        labels, errors = [p.labels for p in points], [p.evaluation.error for p in points]
        low, high = interval(np.array(errors), self._measured_on(points))
        return {"labels": labels, "error": errors, "low": low.tolist(), "high": high.tolist()}

    def _this_round(self) -> tuple[list[CurvePoint], str | None]:
        last = self._ledger.last_round
        if self._of_round[0] != last:
            # An error is NaN where no test image has a known class.
            points = [
                point
                for point in self._ledger.reader.curve()
                if math.isfinite(point.evaluation.error)
            ]
            labels = np.array([point.labels for point in points])
            errors = np.array([point.evaluation.error for point in points])
            advice = sentence(labels, errors, self._measured_on(points))
            self._of_round = last, points, advice
        return self._of_round[1:]

    def _measured_on(self, points: list[CurvePoint]) -> np.ndarray:
        """Returns the number of test items of each point."""
        # The bins of the reliability diagram hold each item once.
        counts = [sum(count for count, *_ in point.evaluation.reliability) for point in points]
        split = self._ledger.reader.splits().get("test")
        return np.array([count or (split.items if split else 1) for count in counts])


def interval(errors: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns 95 % intervals of error rates, given the numbers of items measured.

    Reference: Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association, 1927.
    """
    shrink = 1 + _Z**2 / items
    centre = (errors + _Z**2 / (2 * items)) / shrink
    half = _Z / shrink * np.sqrt(errors * (1 - errors) / items + _Z**2 / (4 * items**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
