"""The rows of a store, and the labels that follow from its answers."""

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dbal_tf.artifacts import LABEL_STATES, CurvePoint, Labels

LABELLED = LABEL_STATES[0]
WITHDRAWN = "withdrawn"
"""The state of an answer that takes back the one before it: the item has none again."""

TRAIN, VALIDATION, TEST = "train", "validation", "test"
"""What answers are used for."""

SAVED_MODEL = "saved_model"
"""The kind of artifact that is an exported model."""


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The settings, data and versions that a run began with.

    Attributes:
        flags: The settings, as a flagfile.
        checksum: SHA-256 of the data set.
        versions: Versions of code and libraries.
        class_names: One name per class; empty if not recorded.
        started: UTC, ISO 8601; empty if not recorded.
    """

    flags: str
    checksum: str
    versions: dict[str, str]
    class_names: tuple[str, ...]
    started: str = ""


@dataclasses.dataclass(frozen=True)
class RoundRecord:
    """A committed round: its model is trained and evaluated, its query is asked.

    Attributes:
        point: Its point on the learning curve.
        versions: Versions of the code and libraries that produced it.
        labels_sha256: `labels_digest` of the labels that its model was trained
            on; None in published results.
        asked: When it was committed, UTC, ISO 8601; empty in published results.
        last_answer: Id of the last answer that its model may use; None in
            published results.
    """

    point: CurvePoint
    versions: dict[str, str]
    labels_sha256: str | None = None
    asked: str = ""
    last_answer: int | None = None


def joined_versions(rounds: Sequence[RoundRecord]) -> dict[str, str]:
    """Returns the versions behind all rounds: of a run that went on with others, "a or b"."""
    found: dict[str, list[str]] = {}
    for row in rounds:
        for name, version in row.versions.items():
            known = found.setdefault(name, [])
            if (version or "unknown") not in known:
                known.append(version or "unknown")
    return {name: " or ".join(versions) for name, versions in found.items()}


@dataclasses.dataclass(frozen=True)
class AskedRecord:
    """An item of a round's query or of its reserve.

    Attributes:
        round: The round that asked; None: the query before the first model.
        rank: From 0; the reserve follows the query.
        item: Its id.
        score: Its acquisition score; None at the start.
        standard_error: Of the score; None if the score is exact.
        entropy: Its predictive entropy in nats, None if there is none.
    """

    round: int | None
    rank: int
    item: str
    score: float | None
    standard_error: float | None
    entropy: float | None


@dataclasses.dataclass(frozen=True)
class AnswerRecord:
    """An answer. It is never changed; a correction is another answer.

    Attributes:
        id: Ascending in the order in which the answers were given.
        item: The item's id.
        label: Its class index; None if it was skipped or the annotator unsure.
        state: One of `LABEL_STATES`, or `WITHDRAWN`.
        round: The round whose query asked for the item. For a correction, or an item that
            no query asked for, the last committed round. None: before the first
            model, as for the initial set.
        annotator: Name of whoever gave it.
        seconds: How long it took; None if not known.
        time: When it was given, UTC, ISO 8601.
        corrects: The id of the answer that it replaces, or None.
        rank: The item's rank in the query of `round`; None if it was not in it.
    """

    id: int
    item: str
    label: int | None
    state: str
    round: int | None
    annotator: str
    seconds: float | None
    time: str
    corrects: int | None
    rank: int | None


@dataclasses.dataclass(frozen=True)
class LabelRecord:
    """An answered item, with its answer when its round ended.

    Attributes:
        item: Its id.
        label: Its class index, None if it has no class.
        round: The round that asked; None: the initial set.
        rank: Its place in the query, from 0.
        score: Its acquisition score; None in the initial set.
        entropy: Its predictive entropy in nats, None if not recorded.
        state: One of `LABEL_STATES`; only `labelled` items are trained on.
        standard_error: Of the score; None if it is exact or not recorded.
    """

    item: str
    label: int | None
    round: int | None
    rank: int
    score: float | None
    entropy: float | None
    state: str
    standard_error: float | None = None


@dataclasses.dataclass(frozen=True)
class ExecutionRecord:
    """One call of a component in a round, with its seeds by purpose."""

    round: int
    component: str
    seeds: dict[str, int]


@dataclasses.dataclass(frozen=True)
class ArtifactRecord:
    """A file or folder that a round wrote; `uri` is relative to the run's folder."""

    round: int
    kind: str
    uri: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitRecord:
    """The ids of a split, in ascending order; None: only their digest is kept."""

    items: int
    sha256: str
    ids: tuple[str, ...] | None


def known_before(
    answers: Iterable[AnswerRecord], round_index: int | None, last_answer: int | None = None
) -> list[AnswerRecord]:
    """Returns one answer per item: the last one given before a round's training.

    The answers are ordered by the first answer of each item. An item whose last
    answer was withdrawn has none.

    Args:
        answers: All answers of a run, in the order in which they were given.
        round_index: The round; None: all answers count.
        last_answer: Id of the last answer that counts; None: all answers from before
            the round's query count.
    """
    first: dict[str, AnswerRecord] = {}
    last: dict[str, AnswerRecord] = {}
    for answer in answers:
        if last_answer is not None:
            counts = answer.id <= last_answer
        else:
            counts = round_index is None or answer.round is None or answer.round < round_index
        if counts:
            first.setdefault(answer.item, answer)
            last[answer.item] = answer
    # A correction keeps the place of the first answer, so that the seeded shuffle in
    # training sees the images in the same order as without the correction.
    known = [last[one.item] for one in sorted(first.values(), key=_place)]
    return [answer for answer in known if answer.state != WITHDRAWN]


def _place(answer: AnswerRecord) -> tuple[int, bool, int]:
    """Returns the sort key of an item among the labels: its round, then its rank."""
    # By rank, not by time: the order in which a query is answered does not change the model.
    # Labels known from the beginning have no rank and come first; in a round, an item
    # without a rank was answered although no query had asked for it.
    if answer.rank is None:
        return -1 if answer.round is None else answer.round, answer.round is not None, answer.id
    return -1 if answer.round is None else answer.round, answer.round is None, answer.rank


def labels_from_answers(answers: Iterable[AnswerRecord]) -> Labels:
    """Returns the answers to train on: those that give a class."""
    known = [answer for answer in answers if answer.state == LABELLED]
    return Labels(
        np.array([answer.item for answer in known], np.str_),
        np.array([answer.label for answer in known], np.int64),
    )


def label_records(
    answers: Sequence[AnswerRecord], asked: Iterable[AskedRecord]
) -> list[LabelRecord]:
    """Returns the answered items, each with its answer when its round ended.

    Corrections that were given in later rounds are left out.
    """
    initial = known_before([answer for answer in answers if answer.round is None], None)
    in_round = {(answer.round, answer.item): answer for answer in answers}
    rows = [
        LabelRecord(answer.item, answer.label, None, rank, None, None, answer.state)
        for rank, answer in enumerate(initial)
    ]
    for one in asked:
        answer = in_round.get((one.round, one.item))
        if one.round is not None and answer and answer.state != WITHDRAWN:
            place = one.round, one.rank, one.score, one.entropy
            error = one.standard_error
            rows.append(LabelRecord(one.item, answer.label, *place, answer.state, error))
    return rows


def labels_digest(labels: Labels) -> str:
    """Returns the SHA-256 of ids and classes, hexadecimal; it depends on their order."""
    return _sha256([labels.ids.tolist(), labels.classes.tolist()])


def ids_digest(ids: Iterable[str]) -> str:
    """Returns the SHA-256 of some ids, hexadecimal, whatever their order."""
    return _sha256(sorted(ids))


def pack_ids(ids: Iterable[str]) -> bytes:
    """Returns ids, in ascending order and compressed; `unpack_ids` reads them."""
    return zlib.compress(json.dumps(sorted(ids)).encode())


def unpack_ids(packed: bytes) -> tuple[str, ...]:
    """Returns the ids that `pack_ids` packed."""
    return tuple(json.loads(zlib.decompress(packed)))


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
