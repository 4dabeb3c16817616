import numpy as np
import pytest

from dbal_tf.acquisition.stochastic import stochastic
from dbal_tf.artifacts import Scores
from dbal_tf.components.acquirer import Acquirer
from dbal_tf.config import BATCHES, JOINT_BATCHES

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


_POOL = Scores(
    np.array([f"item-{number}" for number in range(40)]),
    np.random.default_rng(0).uniform(0, 1, 40),
    np.random.default_rng(1).uniform(0, 1, 40),
)
_SAMPLES = np.random.default_rng(2).dirichlet(np.full(3, 0.3), (40, 10))


def _samples_of(asked):
    """Gives samples and notes for which ids."""

    def samples(ids):
        asked.append(ids.tolist())
        return _SAMPLES[[int(item.removeprefix("item-")) for item in ids.tolist()]]

    return samples


@pytest.mark.parametrize("batch", BATCHES)
def test_every_batch_makes_a_query_with_a_reserve_of_its_items_scores(batch):
    for candidates in (1, 20, 1000):
        acquirer = Acquirer(6, batch=batch, candidates=candidates)
        query = acquirer.run(_POOL, 3, _samples_of([]))
        assert len(set(query.ids.tolist())) == 12
        rows = [_POOL.ids.tolist().index(item) for item in query.ids.tolist()]
        assert query.scores.tolist() == _POOL.values[rows].tolist()
        assert query.entropies.tolist() == _POOL.entropies[rows].tolist()
    assert len(Acquirer(6, batch=batch).run(Scores(_POOL.ids[:0], _POOL.values[:0]), 3)) == 0


@pytest.mark.parametrize("batch", JOINT_BATCHES)
def test_samples_are_asked_of_the_best_candidates_in_the_order_of_the_pool(batch):
    asked = []
    Acquirer(4, batch=batch, candidates=15).run(_POOL, 3, _samples_of(asked))
    best = np.sort(np.argsort(-_POOL.values)[:15])
    assert asked == [_POOL.ids[best].tolist()]


@pytest.mark.parametrize("batch", JOINT_BATCHES)
def test_candidates_can_be_drawn_with_noise(batch):
    asked = []
    drawn = Acquirer(4, batch=batch, candidates=15, screening="stochastic", temperature=0.7)
    for seed in (3, 3, 4):
        drawn.run(_POOL, seed, _samples_of(asked))
    rows = np.sort(stochastic(_POOL.values, _POOL.ids.tolist(), 15, 3, "power", 0.7))
    assert asked[0] == asked[1] == _POOL.ids[rows].tolist() != asked[2]


@pytest.mark.parametrize("batch", sorted(set(BATCHES) - set(JOINT_BATCHES)))
def test_other_batches_ask_for_no_samples(batch):
    asked = []
    Acquirer(4, batch=batch).run(_POOL, 3, _samples_of(asked))
    assert asked == []


def test_the_settings_of_stochastic_batches_are_used():
    plain = Acquirer(4).run(_POOL, 3).ids.tolist()
    cold = Acquirer(4, batch="stochastic", temperature=0.0).run(_POOL, 3).ids.tolist()
    kinds = [
        Acquirer(4, batch="stochastic", stochastic=kind).run(_POOL, 3).ids.tolist()
        for kind in ("power", "softmax", "softrank")
    ]
    assert cold == plain
    assert len({tuple(ids) for ids in (plain, *kinds)}) == 4


@pytest.mark.parametrize("batch", JOINT_BATCHES)
def test_a_joint_batch_without_samples_is_refused(batch):
    with pytest.raises(ValueError, match=f"batch={batch} needs the samples"):
        Acquirer(4, batch=batch).run(_POOL, 3)
