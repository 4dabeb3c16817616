"""Validation of answers before they are committed."""

from collections import Counter

from dbal_tf.artifacts import LABEL_STATES, Labels
from dbal_tf.core import InputError
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import LABELLED


def check_answers(
    reader: RunReader, labels: Labels, round_index: int, num_classes: int
) -> None:
    """Checks answers before they are committed.

    Args:
        reader: Reads the store of the run.
        labels: The answers.
        round_index: The last round that was committed; -1 before the first.
        num_classes: Number of classes.

    Raises:
        InputError: Nothing was asked for yet; or an item was not asked for and
            has no answer to correct, is given twice, or has a class that is out
            of range.
    """
    if round_index < 0:
        raise InputError("The run has asked for nothing yet; call ask() before tell().")
    # All rounds' answers, because an answer of any age may be corrected; but of queries
    # only the last: an unused reserve of an earlier round is in the pool again.
    known = {*reader.query(round_index).ids.tolist(), *reader.answered_ids().tolist()}
    for item, count in Counter(labels.ids.tolist()).items():
        if count > 1:
            raise InputError(
                f"{item} is given {count} times; expected one answer to each item."
            )
    for item, label, state in labels.rows():
        if item not in known:
            raise InputError(
                f"{item} was not asked for; expected items of the query, or items that already "
                "have an answer, which is then corrected."
            )
        if state not in LABEL_STATES:
            raise InputError(
                f"The answer for {item} is {state!r}; expected one of "
                f"{', '.join(LABEL_STATES)}."
            )
        if state == LABELLED and not 0 <= (label or 0) < num_classes:
            raise InputError(
                f"The answer for {item} is class {label}; expected 0 to {num_classes - 1}."
            )
