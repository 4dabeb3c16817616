import numpy as np
import pytest

from dbal_tf.artifacts import Model
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components.acquirer import Acquirer
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.components.posterior_choice import PosteriorChooser
from dbal_tf.config import Config

_SEEDS = {"masks": 5, "ties": 6}


@pytest.fixture(scope="module")
def model():
    return Model(bayesian_cnn((8, 8, 1), 3, seed=0), num_labels=0, weight_decay=0.0, seed=0)


@pytest.fixture(scope="module")
def pool(toy):
    return toy.train.select(toy.splits.pool_ids)


def _config(**changes):
    settings = {"acquisition": ("bald",), "acquisition_size": 4, "num_samples": 8}
    return Config(**settings | changes)


def _choose(model, pool, **changes):
    chooser = PosteriorChooser.from_config(_config(**changes))
    return chooser.run(model, None, pool, _SEEDS.__getitem__)


def test_scores_are_the_scorers_and_the_query_is_the_acquirers(model, pool):
    scores, query = _choose(model, pool)
    expected = PoolScorer.from_config(_config()).run(model, pool, seed=5)
    np.testing.assert_array_equal(scores.values, expected.values)
    chosen = Acquirer(4).run(expected, seed=6)
    assert query.ids.tolist() == chosen.ids.tolist()
    assert query.scores.tolist() == chosen.scores.tolist()
    assert query.entropies.tolist() == chosen.entropies.tolist()


def test_ties_go_by_their_own_seed(pool):
    for seed in (6, 7):
        chooser = PosteriorChooser.from_config(_config(acquisition=("random",)))
        seeds = {"masks": 5, "ties": seed}
        scores, query = chooser.run(None, None, pool, seeds.__getitem__)
        assert query.ids.tolist() == Acquirer(4).run(scores, seed).ids.tolist()


@pytest.mark.parametrize("refine", [0, 9])
def test_standard_errors_of_the_query_do_not_depend_on_the_reserve(model, pool, refine):
    changes = {"refine": refine, "refine_samples": 20}
    _, query = _choose(model, pool, **changes)
    scorer = PoolScorer.from_config(_config(**changes))
    for part in (query.take(slice(4)), query.take(slice(4, 8))):
        expected = scorer.standard_errors(model, pool.select(part.ids), pool, seed=5)
        assert len(part) == 4
        np.testing.assert_array_equal(part.standard_errors, expected)
    assert (query.standard_errors > 0).all()


@pytest.mark.parametrize(("left", "errors"), [(8, 8), (7, 7), (5, 5), (4, 4), (2, 2)])
def test_a_pool_below_twice_the_query_has_a_standard_error_for_each_item(
    model, pool, left, errors
):
    few = pool.select(pool.ids[:left])
    _, query = _choose(model, few)
    assert sorted(query.ids) == sorted(few.ids)
    assert query.standard_errors.shape == (errors,)
    scorer = PoolScorer.from_config(_config())
    asked = scorer.standard_errors(model, few.select(query.ids[:4]), few, seed=5)
    np.testing.assert_array_equal(query.standard_errors[:4], asked)


@pytest.mark.parametrize(
    "exact", [{"acquisition": ("random",)}, {"posterior": "deterministic"}]
)
def test_exact_scores_have_no_standard_errors(model, pool, exact):
    _, query = _choose(model, pool, **exact)
    assert len(query) == 8
    assert query.standard_errors is None


@pytest.mark.parametrize("batch", ["stochastic", "batchbald", "diverse"])
def test_a_batch_is_made_of_the_samples_that_scored(model, pool, batch):
    changes = {"batch": batch, "candidates": 20}
    scores, query = _choose(model, pool, **changes)
    config = _config(**changes)
    scorer = PoolScorer.from_config(config)
    expected = Acquirer.from_config(config).run(
        scores, 6, lambda ids: scorer.samples(model, pool.select(ids), 5)
    )
    assert query.ids.tolist() == expected.ids.tolist()
    assert query.standard_errors.shape == (8,)
    if batch != "batchbald":  # of an untrained network, nearly the best by bald
        assert query.ids.tolist() != _choose(model, pool)[1].ids.tolist()
