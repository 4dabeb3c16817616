import dataclasses
import inspect

import keras
import numpy as np
import pytest

from dbal_tf import acquisition
from dbal_tf.artifacts import Examples, Model
from dbal_tf.bayesian.inference import predictive_statistics, predictor_for
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components import pool_scorer
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.seeds import seed_for

_BALD = PoolScorer("bald", "mean", "mc_dropout", num_samples=8, pool_subset=0)
_RANDOM = dataclasses.replace(_BALD, acquisition="random")
_NO_MODEL = Model(None, 0, 0.0, 0)


@pytest.fixture(scope="module")
def model():
    return Model(bayesian_cnn((8, 8, 1), 3, seed=0), num_labels=0, weight_decay=0.0, seed=0)


def test_it_sees_no_labels():
    assert [*inspect.signature(PoolScorer.run).parameters] == [
        *("self", "model", "unlabelled", "seed")
    ]
    assert {field.name for field in dataclasses.fields(Examples)} == {"ids", "images"}


def test_scores_are_those_of_the_predictive_statistics(model, toy):
    scores = _BALD.run(model, toy.train, seed=5)
    statistics = predictive_statistics(model.network, toy.train.images, 8, seed=5)
    assert scores.ids.tolist() == toy.train.ids.tolist()
    assert scores.values.dtype == np.float64
    np.testing.assert_array_equal(scores.values, acquisition.bald(statistics))
    assert scores.values.min() > 0


def test_both_definitions_of_variation_ratios(model, toy):
    statistics = predictive_statistics(model.network, toy.train.images, 8, seed=5)
    mean, votes = (
        dataclasses.replace(_BALD, acquisition="var_ratios", var_ratios=kind)
        .run(model, toy.train, seed=5)
        .values
        for kind in ("mean", "votes")
    )
    np.testing.assert_allclose(mean, 1 - statistics.mean_probs.max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(votes, 1 - statistics.votes.max(axis=1), atol=1e-6)
    assert (mean != votes).any()


def test_an_items_score_depends_on_no_other_item(model, toy):
    every = _BALD.run(model, toy.train, seed=5).values
    some = _BALD.run(model, toy.train.select(toy.train.ids[[40, 7]]), seed=5).values
    np.testing.assert_allclose(some, every[[40, 7]], rtol=1e-4, atol=1e-7)


def test_random_needs_no_pass_of_the_model(toy):
    scores = _RANDOM.run(_NO_MODEL, toy.train, seed=0)
    assert scores.ids.tolist() == toy.train.ids.tolist()
    assert scores.values.tolist() == [0.0] * 60


def test_a_subset_is_fresh_with_each_seed_and_keeps_the_order(toy):
    scorer = dataclasses.replace(_RANDOM, pool_subset=15)
    one, same, other = (
        scorer.run(_NO_MODEL, toy.train, seed).ids.tolist() for seed in (1, 1, 2)
    )
    assert len(set(one)) == 15
    assert one == same == sorted(one)
    assert set(one) != set(other)
    seen = {item for seed in range(40) for item in scorer.run(_NO_MODEL, toy.train, seed).ids}
    assert seen == set(toy.train.ids)


def test_a_subset_of_all_or_more_is_all(toy):
    for size in (60, 61):
        scorer = dataclasses.replace(_RANDOM, pool_subset=size)
        assert len(scorer.run(_NO_MODEL, toy.train, seed=0).ids) == 60


def test_scores_of_a_subset_belong_to_its_items(model, toy):
    every = _BALD.run(model, toy.train, seed=5)
    some = dataclasses.replace(_BALD, pool_subset=10).run(model, toy.train, seed=5)
    expected = dict(zip(every.ids.tolist(), every.values, strict=True))
    np.testing.assert_allclose(
        some.values, [expected[item] for item in some.ids.tolist()], rtol=1e-4, atol=1e-7
    )


def test_scores_that_are_not_finite_are_refused(model, toy, monkeypatch):
    def broken(statistics):
        return np.where(np.arange(60) % 20 == 3, [np.nan], np.asarray(statistics.votes)[:, 0])

    monkeypatch.setattr(pool_scorer, "acquisition_function", lambda *_: broken)
    with pytest.raises(ArithmeticError, match=r"^3 of 60 bald scores are not finite"):
        _BALD.run(model, toy.train, seed=0)


def test_refined_are_the_best_of_the_fast_posterior_scored_again(model, toy):
    refined = dataclasses.replace(_BALD, refine=12, refine_samples=40)
    scores = refined.run(model, toy.train, seed=5)
    fast = predictive_statistics(model.network, toy.train.images, 8, 5, "gaussian_dropout")
    best = np.sort(np.argsort(-acquisition.bald(fast).numpy())[:12])
    assert scores.ids.tolist() == toy.train.ids[best].tolist()
    exact = predictive_statistics(model.network, toy.train.images[best], 40, 5)
    np.testing.assert_allclose(scores.values, acquisition.bald(exact), rtol=1e-6)


def test_refining_all_is_one_exact_pass(model, toy):
    scores = dataclasses.replace(_BALD, refine=60, refine_samples=8).run(model, toy.train, 5)
    np.testing.assert_array_equal(scores.values, _BALD.run(model, toy.train, 5).values)


def test_a_network_without_a_fast_posterior_is_screened_by_exact_dropout(toy):
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.SpatialDropout2D(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    scorer = dataclasses.replace(_BALD, refine=10, refine_samples=20)
    assert len(scorer.run(Model(network, 0, 0.0, 0), toy.train, seed=1).ids) == 10


def test_standard_errors_are_those_of_the_samples_that_scored(model, toy):
    for scorer, samples in ((_BALD, 8), (dataclasses.replace(_BALD, refine=9), 2000)):
        errors = scorer.standard_errors(
            model, toy.train.select(toy.train.ids[:3]), toy.train, seed=5
        )
        probs = predictor_for(model.network, "mc_dropout").probs(
            toy.train.images[:3], samples, 5
        )
        np.testing.assert_array_equal(
            errors, acquisition.standard_errors(acquisition.bald, probs)
        )


@pytest.mark.parametrize("change", [{"acquisition": "random"}, {"posterior": "deterministic"}])
def test_exact_scores_have_no_standard_errors(change, model, toy):
    assert (
        dataclasses.replace(_BALD, **change).standard_errors(model, toy.train, toy.train, 0)
        is None
    )


_EPIG = dataclasses.replace(_BALD, acquisition="epig", targets=7)


def _targets(toy, seed, count=7):
    """The items that epig predicts, as it should draw them."""
    rows = acquisition.random_subset(60, count, seed_for(seed, 0, 0, "targets"))
    return toy.train.select(toy.train.ids[rows])


def _epig(model, items, toy, seed):
    """The scores by epig, item by item."""
    targets = _targets(toy, seed)
    scores = []
    for item in items.ids:
        others = targets.select(targets.ids[targets.ids != item])
        probs = _probs(model, items.select(np.array([item])), seed)
        scores.append(acquisition.epig(probs, _probs(model, others, seed))[0])
    return np.array(scores)


def _probs(model, items, seed):
    return predictor_for(model.network, "mc_dropout").probs(items.images, 8, seed)


def test_epig_is_that_of_the_samples_of_items_and_targets(model, toy):
    scores = _EPIG.run(model, toy.train, seed=5)
    np.testing.assert_allclose(scores.values, _epig(model, toy.train, toy, 5), atol=1e-6)
    assert scores.ids.tolist() == toy.train.ids.tolist()
    statistics = predictive_statistics(model.network, toy.train.images, 8, seed=5)
    np.testing.assert_allclose(scores.entropies, acquisition.max_entropy(statistics), rtol=1e-5)


def test_epig_in_parts_is_epig_at_once(model, toy, monkeypatch):
    whole = _EPIG.run(model, toy.train, seed=5)
    monkeypatch.setattr(pool_scorer, "_PROBS", 8 * 3 * 13)
    parts = _EPIG.run(model, toy.train, seed=5)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-6)
    np.testing.assert_allclose(parts.entropies, whole.entropies, rtol=1e-5)


def test_the_targets_of_epig_are_of_the_whole_pool_and_fresh_with_each_seed(model, toy):
    whole = _EPIG.run(model, toy.train, seed=5)
    some = dataclasses.replace(_EPIG, pool_subset=10).run(model, toy.train, seed=5)
    values = dict(zip(whole.ids.tolist(), whole.values, strict=True))
    expected = [values[item] for item in some.ids.tolist()]
    np.testing.assert_allclose(some.values, expected, atol=1e-6)
    assert set(_targets(toy, 5).ids) != set(_targets(toy, 6).ids)


def test_standard_errors_of_epig_are_the_jackknifes(model, toy):
    targets = _targets(toy, 5)
    # One of them is a target itself, and tells of the other six.
    few = toy.train.select(np.array([targets.ids[2], *toy.train.ids[:2]]))
    own = np.array([list(targets.ids).index(i) if i in targets.ids else -1 for i in few.ids])
    errors = _EPIG.standard_errors(model, few, toy.train, seed=5)
    probs, targets = (_probs(model, items, 5) for items in (few, targets))
    without = [
        acquisition.epig(np.delete(probs, t, axis=1), np.delete(targets, t, axis=1), own)
        for t in range(8)
    ]
    np.testing.assert_allclose(errors, np.std(without, axis=0) * np.sqrt(7), rtol=1e-3)
    assert (errors > 0).all()


def test_samples_of_candidates_are_those_that_scored(model, toy):
    few = toy.train.select(toy.train.ids[4:9])
    np.testing.assert_array_equal(_BALD.samples(model, few, 5), _probs(model, few, 5))
