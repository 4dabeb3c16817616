"""Answers that a person gave in a file, whatever program wrote it."""

import dataclasses
import pathlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dbal_tf.artifacts import LABEL_STATES, Labels
from dbal_tf.core import InputError
from dbal_tf.store.layout import ANSWERED_DIR
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import LABELLED, TRAIN, VALIDATION, known_before

WITHOUT_CLASS = LABEL_STATES[1:]
"""Answers without a class: `skipped` and `unsure`."""


@dataclasses.dataclass(frozen=True)
class Written:
    """An answer as it was written in a file.

    Attributes:
        item: The item's id.
        text: The name of a class, or one of `WITHOUT_CLASS`.
        where: The file, and the line or the task in it.
        annotator: Name of the person who gave it; empty if not known.
    """

    item: str
    text: str
    where: str
    annotator: str = ""


def read_text(path: pathlib.Path) -> str:
    """Returns the text of a UTF-8 file, with or without a byte order mark.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); make it readable, or move it away."
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}, line {line}, is not UTF-8; save the file as UTF-8 (in Excel: CSV UTF-8)."
        ) from error


def check_names(class_names: Sequence[str]) -> None:
    """Checks that no class is named like an answer without a class.

    Raises:
        InputError: A class has the name `skipped` or `unsure`.
    """
    if taken := [name for name in class_names if _plain(name) in WITHOUT_CLASS]:
        raise InputError(
            f"A class has the name {taken[0]}, which in a file means no class; rename it."
        )


def new_answers(
    run_dir: pathlib.Path, written: Iterable[Written], class_names: Sequence[str]
) -> Labels:
    """Returns the answers of a file that the run's store does not have yet.

    An answer that differs from that of the store corrects it.

    Args:
        run_dir: The run's folder.
        written: At most one answer to each item.
        class_names: One name per class index.

    Raises:
        InputError: An item was not asked for, an answer is not a class, or the answers
            leave the first model nothing to learn from.
    """
    reader = RunReader.open(run_dir)
    answers = known_before(reader.answers_after(0), None)
    told = {one.item: one.label if one.state == LABELLED else one.state for one in answers}
    asked = {row.item for row in reader.asked()} | told.keys()
    classes = {_plain(name): index for index, name in enumerate(class_names)}
    meanings = classes | {state: state for state in WITHOUT_CLASS}
    found: dict[str, int | str] = {}
    names: list[str] = []
    for one in written:
        if one.item not in asked and reader.use(one.item) == TRAIN:
            raise InputError(
                f"{one.where}: {one.item} was not asked for; expected ids that the run wrote; "
                "correct the id or remove it."
            )
        answer = meanings.get(_plain(one.text))
        if answer is None:
            raise InputError(
                f"{one.where}: {one.item} is labelled {one.text}, which is not a class; "
                f"expected {', '.join((*class_names, *WITHOUT_CLASS))}; correct it."
            )
        if told.get(one.item) != answer:
            found[one.item] = answer
            names.append(one.annotator)
    if reader.last_round() is None:
        _check_start(reader, told | found)
    return dataclasses.replace(Labels.from_answers(found), annotators=np.array(names, np.str_))


def _check_start(reader: RunReader, answers: Mapping[str, int | str | None]) -> None:
    # The file must not be read: a run that waits for nothing would never read another one.
    asked = reader.query(None).ids.tolist()
    for use, purpose in ((TRAIN, "train on"), (VALIDATION, "choose the weight decay by")):
        mine = [item for item in asked if reader.use(item) == use]
        has_label = any(
            isinstance(answer, int) and reader.use(item) == use
            for item, answer in answers.items()
        )
        if mine and answers.keys() >= set(mine) and not has_label:
            raise InputError(
                f"All {len(mine)} images to {purpose} are skipped or unsure; expected a class "
                "for at least one; give it one in the file, and give the same command again."
            )


def put_aside(path: pathlib.Path) -> None:
    """Moves a file with answers into the folder of the files that were read."""
    folder = path.parent / ANSWERED_DIR
    folder.mkdir(exist_ok=True)
    number = 1
    while (target := folder / f"{number:04d}{path.suffix}").exists():
        number += 1
    path.rename(target)


def _plain(text: str) -> str:
    # A letter with an accent may be written as one character or as two.
    return unicodedata.normalize("NFC", text.strip())
