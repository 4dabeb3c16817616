"""Functions that several checks use, and the exception of a check without data."""

from dbal_tf.artifacts import Labels
from dbal_tf.audit.facts import Facts
from dbal_tf.store.rows import AnswerRecord, LabelRecord, known_before, labels_from_answers


class NotRecorded(Exception):
    """The run did not record the data that a check needs; the message names them."""


def needs_store(facts: Facts, what: str) -> None:
    """Ends a check that needs data which published results leave out.

    Raises:
        NotRecorded: There is no store.
    """
    if not facts.has_store:
        raise NotRecorded(what)


def labels_of_model(facts: Facts, index: int) -> Labels:
    """Returns the labels that a round's model was trained on."""
    return labels_from_answers(answers_of_model(facts, index))


def answers_of_model(facts: Facts, index: int) -> list[AnswerRecord]:
    """Returns the answer to each item, as a round's model knew it."""
    last = next((row.last_answer for row in facts.rounds if row.point.round == index), None)
    return known_before(facts.answers, index, last)


def asked_in(facts: Facts, index: int | None) -> list[LabelRecord]:
    """Returns the answered items of a round; None: the initial set."""
    return [row for row in facts.labels if row.round == index]


def is_waiting(facts: Facts, index: int) -> bool:
    """Says whether a round is the last one and may still wait for answers."""
    return facts.has_store and bool(facts.rounds) and index == facts.rounds[-1].point.round


def technique(facts: Facts) -> str:
    """Returns the value of `--acquisition`."""
    return ",".join(facts.config.acquisition)
