import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf import artifacts
from dbal_tf.artifacts import LABEL_STATES, Examples, Labels, Query
from dbal_tf.core import InputError

_EXAMPLES = Examples(
    np.array(["a", "b", "c"]), np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
)
_LABELS = Labels(np.array(["b", "a"]), np.array([7, 5]))


def test_select_keeps_the_order_that_is_asked_for():
    chosen = _EXAMPLES.select(np.array(["c", "a"]))
    assert chosen.ids.tolist() == ["c", "a"]
    assert chosen.images[:, 0, 0, 0].tolist() == [8, 0]
    assert len(chosen) == 2


def test_select_nothing():
    none = _EXAMPLES.select(np.array([]))
    assert (none.ids.shape, none.images.shape) == ((0,), (0, 2, 2, 1))


@pytest.mark.parametrize("unknown", ["d", "ab"])
def test_select_an_id_that_is_not_there(unknown):
    with pytest.raises(KeyError, match=unknown):
        _EXAMPLES.select(np.array([unknown]))


def test_labels_can_be_looked_up():
    chosen = _LABELS.select(np.array(["a", "b", "a"]))
    assert chosen.ids.tolist() == ["a", "b", "a"]
    assert chosen.classes.tolist() == [5, 7, 5]
    with pytest.raises(KeyError, match="c"):
        _LABELS.select(np.array(["a", "c"]))


def test_select_from_nothing():
    none = Labels(np.array([]), np.array([], np.int64))
    assert len(none.select(np.array([]))) == 0
    with pytest.raises(KeyError, match="a"):
        none.select(np.array(["a"]))


@given(st.lists(st.text(min_size=1).filter(lambda x: "\0" not in x), unique=True), st.data())
def test_select_finds_every_id(names, data):
    wanted = data.draw(st.lists(st.sampled_from(names))) if names else []
    items = Examples(np.array(names), np.arange(len(names)))
    assert items.select(np.array(wanted)).images.tolist() == [names.index(x) for x in wanted]


def test_the_first_labels_are_those_that_were_asked_for_first():
    assert _LABELS.first(1).ids.tolist() == ["b"]
    assert _LABELS.first(1).classes.tolist() == [7]
    assert (len(_LABELS), len(_LABELS.first(2)), len(_LABELS.first(0))) == (2, 2, 0)


def test_answers_are_a_class_skipped_or_unsure():
    answers = {"cat.jpg": 2, "dark.jpg": "unsure", "torn.jpg": "skipped", "dog": np.int64(0)}
    labels = Labels.from_answers(answers)
    assert labels.ids.tolist() == list(answers)
    assert labels.classes.tolist() == [2, -1, -1, 0]
    assert labels.classes.dtype == np.int64
    assert labels.states.tolist() == ["labelled", "unsure", "skipped", "labelled"]
    assert list(labels.rows()) == [
        ("cat.jpg", 2, "labelled"),
        ("dark.jpg", None, "unsure"),
        ("torn.jpg", None, "skipped"),
        ("dog", 0, "labelled"),
    ]
    assert list(Labels.from_answers({}).rows()) == []


@pytest.mark.parametrize("word", ["skip", "labelled", "3", ""])
def test_an_answer_that_is_another_word_is_refused(word):
    with pytest.raises(InputError) as error:
        Labels.from_answers({"a": 1, "b": word})
    assert str(error.value) == (
        f"The answer for b is {word!r}; expected a class index, 'skipped' or 'unsure'."
    )


def test_labels_without_states_are_all_labelled():
    assert list(_LABELS.rows()) == [("b", 7, LABEL_STATES[0]), ("a", 5, LABEL_STATES[0])]


def test_states_go_with_their_items():
    labels = Labels.from_answers({"a": 4, "b": "unsure", "c": 6})
    assert labels.select(np.array(["b", "a"])).states.tolist() == ["unsure", "labelled"]
    assert labels.first(2).states.tolist() == ["labelled", "unsure"]
    assert _LABELS.select(np.array(["a"])).states is None


def test_annotators_go_with_their_items():
    labels = Labels(np.array(["b", "a"]), np.array([1, 0]), None, np.array(["Ann", "Ben"]))
    assert labels.select(np.array(["a"])).annotators.tolist() == ["Ben"]
    assert labels.first(1).annotators.tolist() == ["Ann"]


def test_a_part_of_a_query_keeps_what_belongs_to_its_items():
    query = Query(
        np.array(["a", "b", "c"]),
        np.array([0.5, 0.25, 0.125]),
        np.array([0.1, 0.2, 0.3]),
        np.array([1.0, 2.0, 3.0]),
    )
    for rows in (slice(1, 3), np.array([1, 2]), np.array([False, True, True])):
        part = query.take(rows)
        assert part.ids.tolist() == ["b", "c"]
        assert part.scores.tolist() == [0.25, 0.125]
        assert part.standard_errors.tolist() == [0.2, 0.3]
        assert part.entropies.tolist() == [2.0, 3.0]
    exact = Query(query.ids, query.scores).take(slice(1))
    assert (exact.standard_errors, exact.entropies) == (None, None)
    assert (len(query), len(exact), len(query.take(slice(0)))) == (3, 1, 0)
    assert query, "an asked query is true"
    assert not query.take(slice(0)), "an empty one is false"


def test_unlabelled_is_the_pool_without_what_was_answered(toy):
    pool = toy.splits.pool_ids
    assert toy.unlabelled(pool[[4, 1]]).tolist() == np.delete(pool, [1, 4]).tolist()
    assert toy.unlabelled(toy.splits.initial_ids).tolist() == pool.tolist()
    assert toy.unlabelled(np.array([], np.str_)).tolist() == pool.tolist()
    assert toy.unlabelled(pool).tolist() == []


def test_a_dataset_names_its_items_by_their_use(toy):
    ids = toy.ids_by_use()
    sizes = {name: len(of_use) for name, of_use in ids.items()}
    assert sizes == {"initial": 6, "validation": 9, "pool": 45, "test": 31, "train": 60}
    assert {*ids["initial"], *ids["validation"], *ids["pool"]} == set(ids["train"])
    assert ids["test"] == toy.test.ids.tolist()


def test_a_dataset_knows_the_shape_of_its_images(toy):
    assert toy.image_shape == (8, 8, 1)


def test_every_artifact_is_frozen_and_says_what_it_holds():
    kinds = [x for x in vars(artifacts).values() if dataclasses.is_dataclass(x)]
    assert len(kinds) >= 9
    for kind in kinds:
        assert kind.__dataclass_params__.frozen, kind
        missing = [f.name for f in dataclasses.fields(kind) if f"{f.name}" not in kind.__doc__]
        assert not missing, f"{kind.__name__} does not describe {missing}"


def test_an_evaluation_from_text_is_the_one_that_was_written():
    written = artifacts.Evaluation(*[0.5] * 6, 0.75, ((1, 0.5, 1.0), (0, 0.0, 0.0)), True)
    read = artifacts.Evaluation(**json.loads(json.dumps(dataclasses.asdict(written))))
    assert read == written
    assert read.reliability[0] == (1, 0.5, 1.0)


def test_the_measures_of_an_evaluation_are_its_numbers():
    evaluation = artifacts.Evaluation(
        *[0.5] * 6, reliability=((1, 0.5, 1.0),), blessed=True, graph_error=0.25
    )
    measured = evaluation.measures()
    assert measured.pop("graph_error") == 0.25
    assert set(measured.values()) == {0.5}
    assert list(measured) == [
        *("error", "nll", "brier", "ece", "deterministic_error", "deterministic_nll")
    ]
