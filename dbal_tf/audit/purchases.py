"""Checks of the labels that were bought: rounds, splits and scores."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator

from dbal_tf.artifacts import LABEL_STATES
from dbal_tf.audit.facts import Facts
from dbal_tf.audit.shared import (
    NotRecorded,
    asked_in,
    is_waiting,
    labels_of_model,
    needs_store,
    since_it_ended,
    technique,
)
from dbal_tf.config import GRAPH_TECHNIQUES
from dbal_tf.store.rows import (
    LABELLED,
    WITHDRAWN,
    AnswerRecord,
    LabelRecord,
    ids_digest,
    labels_digest,
)

_ROUNDING = 1e-5  # of float32 scores


def rounds_follow_each_other(facts: Facts) -> Iterator[str]:
    """Committed rounds are 0, 1, 2 and so on, and only they have labels."""
    numbers = [row.point.round for row in facts.rounds]
    for number, found in enumerate(sorted(numbers)):
        if number != found:
            yield f"round {number} is missing"
            break
    bought = {row.round for row in facts.labels if row.round is not None}
    for number in sorted(bought - set(numbers)):
        yield f"round {number} bought labels but is not committed"


def no_id_is_bought_twice(facts: Facts) -> Iterator[str]:
    """Every item was bought once; any further answer to it is a correction.

    An item whose answer was withdrawn may be asked for again.
    """
    withdrawn = Counter(one.item for one in facts.answers if one.state == WITHDRAWN)
    for item, count in Counter(row.item for row in facts.labels).items():
        if count > 1 + withdrawn[item]:
            yield f"{item} was bought {count} times"
    yield from _asked_in_vain(facts)
    last: dict[str, int] = {}
    for answer in (*facts.answers, *facts.held_out):
        # Published results record no corrections.
        if facts.has_store and answer.corrects != last.get(answer.item):
            yield f"answer {answer.id} to {answer.item} does not correct the one before it"
        last[answer.item] = answer.id


def _asked_in_vain(facts: Facts) -> Iterator[str]:
    """Yields items that a query asks for twice, or that already had an answer."""
    for (index, item), count in Counter((row.round, row.item) for row in facts.asked).items():
        if count > 1:
            yield f"round {index} asked {count} times for {item}"
    told: dict[str, list[AnswerRecord]] = {}
    for answer in facts.answers:
        told.setdefault(answer.item, []).append(answer)
    for row in facts.asked:
        index = _number(row.round)
        # An answer to the last round can be taken back before that round, repeated, asks again.
        states = [
            one.state
            for one in told.get(row.item, [])
            if _number(one.round) < index
            or (_number(one.round) == index and one.state == WITHDRAWN)
        ]
        if states and states[-1] != WITHDRAWN:
            yield f"round {row.round} asked for {row.item}, which already had an answer"


def _number(round_index: int | None) -> int:
    return -1 if round_index is None else round_index


def every_round_has_its_labels(facts: Facts) -> Iterator[str]:
    """A round has as many labels as the flags say, and was trained on all labels before it.

    It may have fewer if its reserve is used up, or if it still waits for answers.
    """
    size = facts.config.acquisition_size
    initial = len(asked_in(facts, None))
    wanted = facts.config.num_initial(len(facts.run.class_names))
    # A person begins with the labels that are already there, and may skip items.
    if wanted and initial != wanted and facts.config.oracle == "dataset":
        yield f"there are {initial} initial labels, expected {wanted}"
    for row in facts.rounds:
        index = row.point.round
        yield from _wrong_query(facts, index, size)
        if row.point.labels != (known := len(labels_of_model(facts, index))):
            yield f"round {index} counts {row.point.labels} labels, there are {known}"
    latest, states = -1, dict[str, str]()
    for answer in facts.answers:
        index, item = _number(answer.round), answer.item
        if answer.round is not None and answer.rank is None and answer.corrects is None:
            yield f"round {index} has an answer for {item}, which it had not asked for"
        # A correction belongs to the round that was the last one when it was given.
        if index < latest and states.get(item, WITHDRAWN) != WITHDRAWN:
            yield f"answer {answer.id} to {item} is of round {index}, before round {latest}"
        latest, states[item] = max(latest, index), answer.state


def _wrong_query(facts: Facts, index: int, size: int) -> Iterator[str]:
    told = asked_in(facts, index)
    bought = sum(row.state == LABELLED for row in told)
    if facts.has_store:
        offered = sum(row.round == index for row in facts.asked)
        right = bought >= size or len(told) == offered or is_waiting(facts, index)
        # An answer may be taken back while the next round trains.
        before = itertools.islice(since_it_ended(facts, index), 1, None)
        right = right or next(before, None) is not None
    else:  # Published results have no reserve, and their last round may have no query.
        ranks = [row.rank for row in told]
        is_last = index == facts.rounds[-1].point.round
        in_order = ranks == list(range(len(ranks))) and bought == size
        if facts.config.oracle != "dataset":  # A person may skip items and label others.
            in_order = ranks == sorted(ranks) and bought >= size
        right = in_order or (is_last and not ranks)
    if not right:
        yield f"round {index} has {bought} labels, expected {size} ranked from 1"


def labels_are_as_they_were_learnt(facts: Facts) -> Iterator[str]:
    """The labels before each round have the digest that it recorded."""
    needs_store(facts, "digests of labels")
    for row in facts.rounds:
        index = row.point.round
        if row.labels_sha256 != labels_digest(labels_of_model(facts, index)):
            yield f"the labels that round {index} learnt from were changed"


def labels_are_classes(facts: Facts) -> Iterator[str]:
    """Answers have a known state; a class index if they are labels, else none."""
    classes = len(facts.run.class_names) or math.inf
    if facts.has_store and not facts.run.class_names:
        yield "the names of the classes are missing"
    for row in (*facts.answers, *facts.held_out):
        if row.state not in (*LABEL_STATES, WITHDRAWN):
            yield f"{row.item} is in the state '{row.state}'"
        elif row.state == LABELLED and (row.label is None or not 0 <= row.label < classes):
            yield f"{row.item} has class {row.label}"
        elif row.state != LABELLED and row.label is not None:
            yield f"{row.item} has class {row.label} though it is {row.state}"


def items_are_in_their_split(facts: Facts) -> Iterator[str]:
    """Labelled, unlabelled and validation items make up the training items."""
    needs_store(facts, "splits")
    ids = {name: set(row.ids) for name, row in facts.splits.items() if row.ids is not None}
    for name, row in facts.splits.items():
        if row.ids is not None and (row.items, row.sha256) != (
            len(ids[name]),
            ids_digest(row.ids),
        ):
            yield f"the ids of {name} were changed"
    start = {row.item for row in facts.asked if row.round is None}
    for label in facts.labels:
        is_initial = label.round is None and label.item not in start
        if label.item not in ids.get("initial" if is_initial else "pool", ()):
            yield f"{label.item} was bought but is {_where(label.item, ids)} split"
    for one in facts.asked:
        # Before the first model, test and validation items are asked for too.
        if one.round is not None and one.item not in ids.get("pool", ()):
            yield f"{one.item} was asked for but is {_where(one.item, ids)} split"
    labelled = {row.item for row in facts.labels}
    if missing := {"initial", "validation", "pool", "test"} - ids.keys():
        yield f"the ids of {' and '.join(sorted(missing))} are missing"
        return
    # If a test item had been bought, the digest would differ.
    parts = (labelled, ids["pool"] - labelled, ids["validation"])
    together = [item for part in parts for item in part]
    train = facts.splits.get("train")
    if train is None or ids_digest(together) != train.sha256:
        yield "labelled, unlabelled and validation items are not all items"


def _where(item: str, ids: dict[str, set[str]]) -> str:
    return " and ".join(name for name, of_use in ids.items() if item in of_use) or "in no"


def scores_are_in_range(facts: Facts) -> Iterator[str]:
    """Scores are finite, in the range of their technique, and fall with the rank.

    On a graph they need not fall, because the rest is scored again after each choice.
    Nor need they in a batch other than `top_k`.
    """
    labels = (row.label or 0 for row in facts.labels)
    classes = len(facts.run.class_names) or max(labels, default=0) + 1
    highest = {
        "random": 0.0,
        "bald": math.log(classes),
        "epig": math.log(classes),
        "max_entropy": math.log(classes),
        "var_ratios": 1 - 1 / classes,
        "mean_std": 0.5,
    }.get(technique(facts), math.inf)
    by_score = facts.config.batch == "top_k"
    ranked = by_score and technique(facts) not in GRAPH_TECHNIQUES
    before: tuple[LabelRecord, float] | None = None
    for row in facts.labels:
        if row.round is None:
            continue
        score = (
            row.score if isinstance(row.score, float) else None
        )  # SQLite stores NaN as NULL.
        if score is None or not -_ROUNDING <= score <= highest + _ROUNDING:
            yield f"{row.item} has the score {row.score}, expected 0 to {highest:.4f}"
        elif ranked and before and before[0].round == row.round and score > before[1]:
            yield f"{row.item} scores above {before[0].item}, which ranks before it"
        before = None if score is None else (row, score)


def bald_is_below_entropy(facts: Facts) -> Iterator[str]:
    """BALD, the information about the weights, is at most the predictive entropy."""
    rows = [
        (row.item, row.score, row.entropy)
        for row in facts.labels
        if row.entropy is not None and row.score is not None
    ]
    if technique(facts) != "bald":
        raise NotRecorded(f"BALD, as the technique is {technique(facts)}")
    if not rows:
        raise NotRecorded("entropies")
    for item, score, entropy in rows:
        if not score <= entropy + _ROUNDING:
            yield f"{item} has BALD {score} above its entropy {entropy}"
