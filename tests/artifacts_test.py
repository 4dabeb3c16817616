import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf import artifacts
from dbal_tf.artifacts import Examples, Labels

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


def test_labels_keep_the_order_in_which_they_were_bought():
    more = _LABELS.plus(Labels(np.array(["longer"]), np.array([9])))
    assert more.ids.tolist() == ["b", "a", "longer"]
    assert more.classes.tolist() == [7, 5, 9]
    assert more.first(1).ids.tolist() == ["b"]
    assert more.first(1).classes.tolist() == [7]
    assert (len(_LABELS), len(more), len(more.first(0))) == (2, 3, 0)


def test_unlabelled_is_the_pool_without_what_was_bought(toy):
    pool = toy.splits.pool_ids
    bought = Labels(pool[[4, 1]], np.array([0, 0]))
    assert toy.unlabelled(bought).tolist() == np.delete(pool, [1, 4]).tolist()
    initial = Labels(toy.splits.initial_ids, np.zeros(6, np.int64))
    assert toy.unlabelled(initial).tolist() == pool.tolist()


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
