import importlib
import inspect
import pkgutil
import zlib

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import components, core
from dbal_tf.acquisition import ACQUISITIONS
from dbal_tf.artifacts import Evaluation, Model, Query
from dbal_tf.bayesian import laplace
from dbal_tf.bayesian.ensemble import ensemble
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.bayesian.posteriors import POSTERIORS
from dbal_tf.bayesian.statistics import PredictiveStatistics
from dbal_tf.bayesian.variational import variational
from dbal_tf.components.graph_choice import GraphChooser
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.components.posterior_choice import PosteriorChooser
from dbal_tf.config import Config
from dbal_tf.datasets.records import Records
from dbal_tf.datasets.stored_images import StoredImages

_IMAGES = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype(np.float32)


# Each implementation of core.Chooser, and the techniques that it is asked for by.
_CHOOSERS = {PosteriorChooser: ("bald", "random", "epig"), GraphChooser: ("mbr",)}
_TECHNIQUES = [(kind, name) for kind, names in _CHOOSERS.items() for name in names]
_SIZE = 4
_MEASURED = Evaluation(0.5, 1.0, 0.5, 0.1, 0.5, 1.0)


def _same_interface(noun, kind, method):
    promised, kept = (inspect.signature(getattr(x, method)) for x in (noun, kind))
    return list(promised.parameters) == list(kept.parameters)


@pytest.fixture(scope="module")
def network():
    return bayesian_cnn((8, 8, 1), num_classes=3, seed=1)


def _probs(posterior, images, indices, seed=0):
    samples = posterior.sample(tf.constant(indices, tf.int64), tf.constant(seed, tf.int64))
    return posterior.probs(posterior.features(tf.constant(images)), samples).numpy()


@pytest.mark.parametrize("name", POSTERIORS)
def test_every_posterior_keeps_its_promises(network, name):
    laplace.fit(network, _IMAGES)
    if name == "ensemble":
        network = ensemble(bayesian_cnn, 5)(network.input_shape[1:], 3, 0)
    if name == "bayes_by_backprop":
        network = variational(bayesian_cnn)(network.input_shape[1:], 3, 0)
    posterior = POSTERIORS[name](network)
    assert isinstance(posterior, core.Posterior)
    for method in ("features", "sample", "probs", "num_samples"):
        assert _same_interface(core.Posterior, type(posterior), method), method
    probs_tnc = _probs(posterior, _IMAGES, [0, 1, 2, 7])
    assert probs_tnc.shape == (4, 5, 3)
    assert probs_tnc.dtype == np.float32
    np.testing.assert_allclose(probs_tnc.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(_probs(posterior, _IMAGES, [7, 1])[0], probs_tnc[3], rtol=1e-5)
    np.testing.assert_allclose(
        _probs(posterior, _IMAGES[3:], [2])[0], probs_tnc[2, 3:], rtol=1e-5
    )
    assert 1 <= posterior.num_samples(10) <= 10


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_function_scores_each_item(name):
    probs_ntc = np.random.default_rng(0).dirichlet(np.ones(3), (5, 4))
    scores_n = np.asarray(ACQUISITIONS[name](PredictiveStatistics.from_probs(probs_ntc)))
    assert scores_n.shape == (5,)
    assert np.isfinite(scores_n).all()
    assert (scores_n >= 0).all()


def test_the_oracle_answers_in_the_order_of_the_query(toy):
    assert _same_interface(core.Oracle, DatasetOracle, "run")
    assert DatasetOracle(toy).annotator == "dataset"
    asked = np.array(["toy-07", "toy-00", "toy-05"])
    labels = DatasetOracle(toy).run(Query(asked, np.zeros(3)))
    assert labels.ids.tolist() == asked.tolist()
    assert labels.classes.tolist() == [7 % 3, 0, 5 % 3]


def test_every_chooser_is_tested():
    modules = pkgutil.iter_modules(components.__path__, f"{components.__name__}.")
    kinds = [
        kind
        for module in modules
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
    ]
    assert {kind for kind in kinds if hasattr(kind, "evaluate")} == set(_CHOOSERS)


@pytest.fixture(params=_TECHNIQUES, ids=[name for _, name in _TECHNIQUES])
def choose(request, network, toy):
    """Lets a chooser choose from some of the pool, by the seeds of a round."""
    kind, technique = request.param

    def run(ids, round_index=0, **changes):
        settings = {"acquisition_size": _SIZE, "num_samples": 8, "graph_neighbors": 5}
        config = Config(acquisition=(technique,), **settings | changes)
        given = [toy] if kind is GraphChooser else []
        return kind.from_config(config, *given).run(
            Model(network, num_labels=6, weight_decay=0.0, seed=0),
            toy.hidden.select(toy.splits.initial_ids),
            toy.train.select(ids),
            lambda purpose: zlib.crc32(f"{purpose} {round_index}".encode()),
        )

    return run


@pytest.mark.parametrize("kind", _CHOOSERS)
def test_every_chooser_has_the_interface(kind):
    for method in ("run", "evaluate"):
        assert _same_interface(core.Chooser, kind, method), method


def test_every_chooser_ranks_a_query_with_a_reserve_of_as_many(choose, toy):
    pool = toy.splits.pool_ids
    scores, query = choose(pool)
    assert scores.ids.tolist() == pool.tolist()
    assert scores.values.dtype == query.scores.dtype == np.float64
    assert len(query) == len(set(query.ids.tolist())) == 2 * _SIZE
    assert set(query.ids) <= set(pool)
    values = dict(zip(scores.ids.tolist(), scores.values.tolist(), strict=True))
    assert query.scores.tolist() == [values[item] for item in query.ids.tolist()]
    assert query.scores[0] == pytest.approx(max(values.values()), abs=1e-9)
    asked = query.ids[:_SIZE].tolist()
    others = sorted((values[item] for item in values if item not in asked), reverse=True)
    np.testing.assert_allclose(query.scores[_SIZE:], others[:_SIZE], atol=1e-9)
    for extra in (query.standard_errors, query.entropies):
        assert extra is None or extra.shape == (2 * _SIZE,)


@pytest.mark.parametrize("left", [7, 4, 3, 1])
def test_every_chooser_asks_for_no_more_than_what_is_left(choose, toy, left):
    few = toy.splits.pool_ids[10 : 10 + left]
    scores, query = choose(few)
    assert scores.ids.tolist() == few.tolist()
    assert sorted(query.ids) == sorted(few)


def test_every_chooser_chooses_from_a_subset_that_is_fresh_each_round(choose, toy):
    pool = toy.splits.pool_ids
    one, other = (choose(pool, index, pool_subset=6) for index in range(2))
    for scores, query in (one, other):
        assert len(scores.ids) == 6
        assert sorted(query.ids) == sorted(scores.ids)
        assert set(scores.ids) <= set(pool)
    assert set(one[0].ids) != set(other[0].ids)


def test_every_chooser_chooses_the_same_from_the_same_seeds(choose, toy):
    first, again = (choose(toy.splits.pool_ids) for _ in range(2))
    for one, two in zip(first, again, strict=True):
        for name, values in vars(one).items():
            np.testing.assert_array_equal(values, getattr(two, name))


@pytest.mark.parametrize(("kind", "technique"), _TECHNIQUES)
def test_every_chooser_leaves_the_networks_measures_as_they_are(kind, technique, toy):
    config = Config(acquisition=(technique,), graph_neighbors=5)
    given = [toy] if kind is GraphChooser else []
    initial = toy.hidden.select(toy.splits.initial_ids)
    found = kind.from_config(config, *given).evaluate(_MEASURED, initial)
    assert isinstance(found, Evaluation)
    assert _MEASURED.measures().items() <= found.measures().items()


def test_arrays_and_stored_images_are_images():
    stored = StoredImages(
        Records.from_lengths({"a file": np.array([3, 4])}), "image", (8, 8, 1)
    )
    for images in (_IMAGES[:2], stored):
        assert isinstance(images, core.Images)
        assert images[1:].shape == (1, 8, 8, 1)
    assert not isinstance(_IMAGES.tolist(), core.Images)


def test_an_input_error_is_a_value_error_that_reads_as_it_was_written():
    assert isinstance(core.InputError("got, expected, do."), ValueError)
    assert str(core.InputError("got, expected, do.")) == "got, expected, do."
