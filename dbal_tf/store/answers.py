"""Validation of answers before they are committed."""

from collections import Counter

from dbal_tf.artifacts import LABEL_STATES, Labels
from dbal_tf.core import InputError
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import LABELLED, TRAIN


def check_answers(reader: RunReader, labels: Labels, num_classes: int) -> None:
    """Checks answers before they are committed.

    Args:
        reader: Reads the store of the run.
        labels: The answers.
        num_classes: Number of classes.

    Raises:
        InputError: Nothing was asked for yet; or an item is given twice; or its
            class is out of range; or it was not asked for, has no answer to
            correct, and is not in the test or validation set.
    """
    # The items of all queries, because an annotator may still see an earlier one.
    known = {row.item for row in reader.asked()}
    if not known and reader.last_round() is None:
        raise InputError("The run has asked for nothing yet; call ask() before tell().")
    # An answer of any age may be corrected.
    known.update(reader.answered_ids().tolist())
    for item, count in Counter(labels.ids.tolist()).items():
        if count > 1:
            raise InputError(
                f"{item} is given {count} times; expected one answer to each item."
            )
    for item, label, state in labels.rows():
        if item not in known and reader.use(item) == TRAIN:
            raise InputError(
                f"{item} was not asked for; expected items of a query, of the test or "
                "validation set, or items that already have an answer, which is then corrected."
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
