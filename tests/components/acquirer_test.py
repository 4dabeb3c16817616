import numpy as np
import pytest

from dbal_tf.artifacts import Scores
from dbal_tf.components.acquirer import Acquirer

_SCORES = Scores(np.array(["a", "b", "c", "d"]), np.array([0.5, 2.0, -1.0, 1.0]))
_EQUAL = Scores(np.array([f"item-{row}" for row in range(50)]), np.zeros(50))


def test_the_best_come_first_with_their_scores():
    query = Acquirer(acquisition_size=3).run(_SCORES, seed=0)
    assert query.ids.tolist() == ["b", "d", "a"]
    assert query.scores.tolist() == [2.0, 1.0, 0.5]


def test_the_seed_breaks_ties_and_nothing_else():
    one, same, other = (Acquirer(5).run(_EQUAL, seed).ids.tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert Acquirer(4).run(_SCORES, 7).ids.tolist() == Acquirer(4).run(_SCORES, 8).ids.tolist()


def test_equal_items_are_bought_whatever_their_place():
    bought = [item for seed in range(300) for item in Acquirer(5).run(_EQUAL, seed).ids]
    _, counts = np.unique(bought, return_counts=True)
    assert len(counts) == 50
    assert 10 <= counts.min() <= counts.max() <= 55


def test_more_than_there_are():
    with pytest.raises(ValueError, match="k=5 is outside 0 to 4"):
        Acquirer(5).run(_SCORES, seed=0)
