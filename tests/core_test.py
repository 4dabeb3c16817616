import inspect

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import core
from dbal_tf.acquisition import ACQUISITIONS
from dbal_tf.artifacts import Query
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.bayesian.posteriors import POSTERIORS
from dbal_tf.bayesian.statistics import PredictiveStatistics
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.datasets.records import Records
from dbal_tf.datasets.stored_images import StoredImages

_IMAGES = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype(np.float32)


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
    asked = np.array(["toy-07", "toy-00", "toy-05"])
    labels = DatasetOracle(toy).run(Query(asked, np.zeros(3)))
    assert labels.ids.tolist() == asked.tolist()
    assert labels.classes.tolist() == [7 % 3, 0, 5 % 3]


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
