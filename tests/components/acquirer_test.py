import numpy as np

from dbal_tf.artifacts import Scores
from dbal_tf.components.acquirer import Acquirer

_SCORES = Scores(
    np.array(["a", "b", "c", "d", "e"]),
    np.array([0.5, 2.0, -1.0, 1.0, 0.25]),
    np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
)
_EQUAL = Scores(np.array([f"item-{row}" for row in range(50)]), np.zeros(50))


def test_the_best_come_first_with_their_scores_and_entropies_then_the_reserve():
    query = Acquirer(acquisition_size=2).run(_SCORES, seed=0)
    assert query.ids.tolist() == ["b", "d", "a", "e"]
    assert query.scores.tolist() == [2.0, 1.0, 0.5, 0.25]
    assert query.entropies.tolist() == [0.2, 0.4, 0.1, 0.5]
    assert query.standard_errors is None
    assert Acquirer(2).run(_EQUAL, seed=0).entropies is None


def test_the_seed_breaks_ties_and_nothing_else():
    one, same, other = (Acquirer(5).run(_EQUAL, seed).ids.tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert Acquirer(2).run(_SCORES, 7).ids.tolist() == Acquirer(2).run(_SCORES, 8).ids.tolist()


def test_equal_items_are_bought_whatever_their_place():
    bought = [item for seed in range(300) for item in Acquirer(5).run(_EQUAL, seed).ids[:5]]
    _, counts = np.unique(bought, return_counts=True)
    assert len(counts) == 50
    assert 10 <= counts.min() <= counts.max() <= 55


def test_the_reserve_ends_where_the_items_do():
    for size in (3, 5, 9):
        query = Acquirer(size).run(_SCORES, seed=0)
        assert query.ids.tolist() == ["b", "d", "a", "e", "c"]
    nothing = Scores(np.array([], "U1"), np.zeros(0))
    assert len(Acquirer(3).run(nothing, seed=0)) == 0
