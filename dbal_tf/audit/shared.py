"""What a check may say instead of an outcome, and what checks share."""

import math

import numpy as np

from dbal_tf.artifacts import Labels
from dbal_tf.audit.facts import Facts
from dbal_tf.store.reader import LabelRecord


class NotRecorded(Exception):
    """What a check needs was not recorded; the message says what."""


def recorded_since(facts: Facts) -> float:
    """Returns the first round of which digests and purposes are recorded; inf if none.

    An older store that was brought to today's schema has them from there on.
    """
    since = [row.point.round for row in facts.rounds if row.labels_sha256]
    since += [row.round for row in facts.executions if row.purpose]
    since += [row.round for row in facts.artifacts if row.sha256]
    return min(since, default=math.inf)


def labels_of_model(facts: Facts, index: int) -> Labels:
    """Returns the labels that a round's model was trained on, as bought."""
    before = [
        row
        for row in facts.labels
        if row.state == "labelled" and (row.round is None or row.round < index)
    ]
    return Labels(
        np.array([row.item for row in before]),
        np.array([row.label for row in before], np.int64),
    )


def asked_in(facts: Facts, index: int | None) -> list[LabelRecord]:
    """Returns what a round asked for; None: the initial set."""
    return [row for row in facts.labels if row.round == index]


def technique(facts: Facts) -> str:
    """Returns the value of `--acquisition`."""
    return ",".join(facts.config.acquisition)
