"""What labels follow from answers: known cases, then any history against a model."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.artifacts import LABEL_STATES, CurvePoint, Evaluation, Labels
from dbal_tf.store.rows import (
    LABELLED,
    AnswerRecord,
    AskedRecord,
    RoundRecord,
    ids_digest,
    joined_versions,
    known_before,
    label_records,
    labels_digest,
    labels_from_answers,
    pack_ids,
    unpack_ids,
)


class History:
    """Answers and queries in the order in which they come."""

    def __init__(self):
        self.answers, self.asked = [], []

    def ask(self, index, *items):
        self.asked += [
            AskedRecord(index, rank, item, 1.0 / (1 + rank), 0.5, 0.25)
            for rank, item in enumerate(items)
        ]

    def tell(self, index, **answers):
        for item, answer in answers.items():
            before = [row.id for row in self.answers if row.item == item]
            rank = [row.rank for row in self.asked if (row.round, row.item) == (index, item)]
            label, state = (answer, LABELLED) if isinstance(answer, int) else (None, answer)
            self.answers.append(
                AnswerRecord(
                    *(1 + len(self.answers), item, label, state, index, "person", None, ""),
                    before[-1] if before else None,
                    rank[0] if rank else None,
                )
            )

    def known(self, before=None):
        """Pairs of an item and its answer."""
        known = known_before(self.answers, before)
        return [(row.item, row.state if row.label is None else row.label) for row in known]

    def shown(self, index):
        return [
            (row.item, row.rank, row.state if row.label is None else row.label)
            for row in label_records(self.answers, self.asked)
            if row.round == index
        ]


@pytest.fixture
def history():
    """Two initial labels, a round of which `d` was skipped, and one after it."""
    history = History()
    history.tell(None, z=0, a=1)
    history.ask(0, "c", "d", "b", "e")
    history.tell(0, b=2, c=1)
    history.tell(0, d="skipped")
    history.ask(1, "y", "x")
    history.tell(1, x=0, y=2)
    return history


def test_a_model_knows_what_came_before_its_round_in_the_order_of_ranks(history):
    assert history.known(0) == [("z", 0), ("a", 1)]
    assert history.known(1) == [("z", 0), ("a", 1), ("c", 1), ("d", "skipped"), ("b", 2)]
    assert history.known(2) == history.known() == [*history.known(1), ("y", 2), ("x", 0)]


def test_a_correction_keeps_the_place_and_leaves_earlier_rounds(history):
    before = [history.known(index) for index in (0, 1, 2)]
    history.ask(2, "k")
    history.tell(2, z=2, b="unsure", k=1)
    assert [history.known(index) for index in (0, 1, 2)] == before
    assert history.known(3) == [
        *(("z", 2), ("a", 1), ("c", 1), ("d", "skipped"), ("b", "unsure")),
        *(("y", 2), ("x", 0), ("k", 1)),
    ]


def test_a_skip_that_is_labelled_later_takes_its_place_among_the_labels(history):
    digests = [labels_digest(labels_from_answers(known_before(history.answers, 1)))]
    history.ask(2)
    history.tell(2, d=0)
    digests.append(labels_digest(labels_from_answers(known_before(history.answers, 1))))
    assert digests[0] == digests[1]
    labels = labels_from_answers(known_before(history.answers, 3))
    assert labels.ids.tolist() == ["z", "a", "c", "d", "b", "y", "x"]
    assert labels.classes.tolist() == [0, 1, 1, 0, 2, 2, 0]
    assert labels.classes.dtype == np.int64


def test_the_last_of_several_corrections_counts(history):
    for label in (2, "skipped", 1):
        history.tell(1, c=label)
    assert dict(history.known(2))["c"] == 1
    assert dict(history.known(1))["c"] == 1, "as it was answered first"
    history.tell(1, c=0)
    assert (dict(history.known(1))["c"], dict(history.known(2))["c"]) == (1, 0)


def test_records_show_each_round_as_it_stood_when_it_ended(history):
    assert history.shown(None) == [("z", 0, 0), ("a", 1, 1)]
    assert history.shown(0) == [("c", 0, 1), ("d", 1, "skipped"), ("b", 2, 2)]
    history.tell(1, c=0, z=2)
    assert history.shown(None) == [("z", 0, 0), ("a", 1, 1)]
    assert history.shown(0) == [("c", 0, 1), ("d", 1, "skipped"), ("b", 2, 2)]
    history.tell(1, y="unsure")
    assert history.shown(1) == [("y", 0, "unsure"), ("x", 1, 0)], "corrected while it was open"


def test_records_have_the_scores_of_their_query(history):
    first = label_records(history.answers, history.asked)[2]
    assert (first.item, first.score, first.standard_error, first.entropy) == ("c", 1, 0.5, 0.25)


def test_labels_of_no_answers_are_empty():
    labels = labels_from_answers([])
    assert (labels.ids.tolist(), labels.classes.tolist()) == ([], [])
    assert labels.ids.dtype.kind == "U"


@st.composite
def histories(draw):
    """Rounds of items without an answer, told in any order, with corrections between."""
    history, items = History(), iter(range(10**6))
    answer = st.integers(0, 2) | st.sampled_from(LABEL_STATES[1:])
    initial = draw(st.integers(1, 3))
    history.tell(None, **{f"i{next(items)}": draw(st.integers(0, 2)) for _ in range(initial)})
    known = [row.item for row in history.answers]
    for index in range(draw(st.integers(0, 4))):
        asked = [f"i{next(items)}" for _ in range(draw(st.integers(0, 4)))]
        # What stood in an earlier reserve and was not needed may be asked for again.
        left = sorted({row.item for row in history.asked} - {*known})
        asked = draw(st.permutations(asked + [item for item in left if draw(st.booleans())]))
        history.ask(index, *asked)
        for item in draw(st.lists(st.sampled_from([*known, *asked]), max_size=8)):
            history.tell(index, **{item: draw(answer)})
        known = list(dict.fromkeys(row.item for row in history.answers))
    return history


def _brute_force(history, index):
    """What a round knows: every item where it was asked for and answered, as it is now."""
    first = [row for row in history.answers if row.corrects is None]
    order = [row.item for row in first if row.round is None]
    answered = {(row.round, row.item) for row in first}
    order += [row.item for row in history.asked if (row.round, row.item) in answered]
    found = []
    for item in order:
        till_then = [
            answer
            for answer in history.answers
            if answer.item == item and (answer.round is None or answer.round < index)
        ]
        found += till_then[-1:]
    return found


@given(history=histories(), index=st.integers(0, 5))
def test_what_is_known_is_that_of_the_model(history, index):
    expected = _brute_force(history, index)
    assert known_before(history.answers, index) == expected
    labels = labels_from_answers(expected)
    right = [(row.item, row.label) for row in expected if row.state == LABELLED]
    assert list(zip(labels.ids.tolist(), labels.classes.tolist(), strict=True)) == right


@given(history=histories(), index=st.integers(0, 4))
def test_what_comes_in_a_round_changes_nothing_for_it_and_those_before(history, index):
    earlier = [row for row in history.answers if row.round is None or row.round < index]
    assert known_before(earlier, index) == known_before(history.answers, index)
    asked = [row for row in history.asked if row.round < index]
    records = label_records(history.answers, history.asked)
    assert [row for row in records if row.round is None or row.round < index] == (
        label_records(earlier, asked)
    )


@given(history=histories())
def test_every_answered_item_is_recorded_once_in_the_order_of_asking(history):
    records = label_records(history.answers, history.asked)
    places = [(-1 if row.round is None else row.round, row.rank) for row in records]
    assert places == sorted(places)
    assert len({row.item for row in records}) == len(records)
    assert {row.item for row in records} == {row.item for row in history.answers}


def test_digests_of_labels_depend_on_order_and_class():
    labels = Labels(np.array(["a", "b"]), np.array([0, 1]))
    others = [
        Labels(np.array(["b", "a"]), np.array([1, 0])),
        Labels(np.array(["a", "b"]), np.array([0, 2])),
        labels.first(1),
    ]
    assert len({labels_digest(x) for x in (labels, *others)}) == 4


def test_ids_are_packed_whatever_they_are_made_of():
    ids = ["b", "a,1", "a\nb", "ü/1.png", '"']
    assert unpack_ids(pack_ids(ids)) == tuple(sorted(ids))
    assert ids_digest(ids) == ids_digest(ids[::-1]) != ids_digest(["b", "a", "1"])


def test_rows_are_frozen(history):
    with pytest.raises(dataclasses.FrozenInstanceError):
        history.answers[0].label = 1


def test_versions_of_rounds_by_several_commits():
    point = CurvePoint(0, 2, Evaluation(0.5, 1.0, 0.6, 0.1, 0.4, 1.1), 2.5, {})
    commits = ("a", "a", "", "b")
    rows = [RoundRecord(point, {"commit": one, "python": "3.12"}) for one in commits]
    assert joined_versions(rows) == {"commit": "a or unknown or b", "python": "3.12"}
    assert joined_versions([]) == {}
