"""Lists of answered items to look at again."""

import operator
from collections.abc import Callable

import numpy as np

from dbal_tf.labelling.ledger import Ledger
from dbal_tf.labelling.predictions import Probs
from dbal_tf.store.rows import LABELLED, WITHDRAWN, AnswerRecord

Listed = tuple[list[AnswerRecord], int]
"""Answers, and how many items there are in all."""


def unsure(ledger: Ledger, probs: Probs) -> Listed:
    """Returns items that the annotator was unsure of, the latest first."""
    del probs
    return _all(ledger.with_state("unsure"))


def skipped(ledger: Ledger, probs: Probs) -> Listed:
    """Returns items that were skipped, the latest first."""
    del probs
    return _all(ledger.with_state("skipped"))


def answered(ledger: Ledger, probs: Probs) -> Listed:
    """Returns items with a class, the latest first."""
    del probs
    return _all(ledger.with_state(LABELLED))


def disagreements(ledger: Ledger, probs: Probs) -> Listed:
    """Returns items with a class; those whose class the model finds least likely come first."""
    rated = [answer for answer in ledger.with_state(LABELLED) if answer.item in probs]
    rated.reverse()
    # Equally likely ones stay in the order in which they were given.
    order = np.argsort([probs[answer.item][answer.label] for answer in rated], kind="stable")
    return _all([rated[row] for row in order])


def conflicts(ledger: Ledger, probs: Probs) -> Listed:
    """Returns items to which people gave different classes, with each person's last answer.

    The answers to an item are together, the latest first: that one is in force.
    """
    del probs
    by_item: dict[str, dict[str, AnswerRecord]] = {}
    for annotator, given in ledger.given.items():
        for answer in given:
            by_item.setdefault(answer.item, {})[annotator] = answer
    found = [
        [a for a in answers.values() if a.state != WITHDRAWN] for answers in by_item.values()
    ]
    found = [each for each in found if len({a.label for a in each if a.state == LABELLED}) > 1]
    latest_first = [sorted(each, key=operator.attrgetter("id"), reverse=True) for each in found]
    return [answer for each in latest_first for answer in each], len(found)


def _all(answers: list[AnswerRecord]) -> Listed:
    return answers, len(answers)


LISTS: dict[str, Callable[[Ledger, Probs], Listed]] = {
    function.__name__: function
    for function in (unsure, skipped, answered, disagreements, conflicts)
}
"""The lists, by their names."""
