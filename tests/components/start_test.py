import dataclasses

import numpy as np
import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.components.start import Start


@pytest.fixture
def half_known(toy):
    """No test class is known, and of the validation items every second."""
    classes = toy.hidden.classes.copy()
    classes[toy.train.rows(toy.splits.validation_ids)[::2]] = -1
    return dataclasses.replace(
        toy,
        hidden=Labels(toy.hidden.ids, classes),
        test_labels=Labels(toy.test.ids, np.full(31, -1)),
    )


def test_nothing_is_asked_for_if_the_data_set_answers(half_known):
    assert Start("dataset", 5, "2.5").run(half_known, 0) is None


def test_nothing_is_asked_for_if_all_is_known(toy):
    assert Start("web", 2, "auto").run(toy, 0) is None


def test_labels_that_are_known_count(half_known):
    ids = Start("web", 3, "2.5").run(half_known, 0).ids
    splits = half_known.splits
    assert [item in splits.pool_ids for item in ids] == [True] * 3 + [False] * 20
    assert set(ids[3:]) <= set(half_known.test.ids)


def test_validation_items_are_asked_for_if_they_choose_the_weight_decay(half_known):
    ids = Start("csv", 2, "auto").run(half_known, 0).ids
    assert set(ids[31:]) == set(half_known.splits.validation_ids[::2])


@pytest.mark.parametrize(("oracle", "asked"), [("web", 20), ("csv", 31), ("label_studio", 31)])
def test_only_the_page_leaves_test_items_for_later(half_known, oracle, asked):
    ids = Start(oracle, 2, "2.5").run(half_known, 0).ids
    assert np.isin(ids, half_known.test.ids).sum() == asked == len(set(ids))


def test_the_seed_decides(half_known):
    start = Start("web", 9, "2.5")
    ids = [start.run(half_known, seed).ids.tolist() for seed in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]
