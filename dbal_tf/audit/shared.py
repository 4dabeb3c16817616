"""Functions that several checks use, and the exception of a check that lacks data."""

from collections.abc import Iterator

from dbal_tf.artifacts import Labels
from dbal_tf.audit.facts import Facts
from dbal_tf.store.rows import (
    LABELLED,
    AnswerRecord,
    LabelRecord,
    known_before,
    label_records,
    labels_from_answers,
)


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
    """Returns whether a round is the last one and may still wait for answers."""
    return facts.has_store and bool(facts.rounds) and index == facts.rounds[-1].point.round


def technique(facts: Facts) -> str:
    """Returns the value of `--acquisition`."""
    return ",".join(facts.config.acquisition)


def since_it_ended(facts: Facts, index: int) -> Iterator[list[LabelRecord]]:
    """Yields the answers of a round, as they were each time that it had enough of them.

    `query.csv` is written at such a time; later answers do not change it.
    """
    yield asked_in(facts, index)
    told = [answer for answer in facts.answers if answer.round == index]
    asked = [row for row in facts.asked if row.round == index]
    # A person may go on with the reserve, or correct, while the next round is trained.
    size = facts.config.acquisition_size
    for count in range(min(size, len(asked)), len(told)):
        rows = label_records(told[:count], asked)
        bought = sum(row.state == LABELLED for row in rows)
        if bought >= size or len(rows) == len(asked):
            yield rows
