"""Ensembles: members, their training, and the posterior that they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.acquisition import ACQUISITIONS, acquisition_function
from dbal_tf.bayesian.consistency import Consistency
from dbal_tf.bayesian.ensemble import Ensemble, ensemble, members
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.core import InputError

_SHAPE = (4, 4, 1)


def _member(image_shape: tuple[int, int, int], num_classes: int, seed: int) -> keras.Model:
    return keras.Sequential(
        [
            *(keras.Input(image_shape), layers.Rescaling(1 / 255), layers.Flatten()),
            layers.Dense(
                8, "relu", kernel_initializer=keras.initializers.GlorotUniform(seed=seed)
            ),
            layers.Dense(
                num_classes,
                "softmax",
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1),
            ),
        ]
    )


def _data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    images = rng.integers(0, 60, (count, *_SHAPE))
    images[np.arange(count), classes] += 120
    return images.astype(np.uint8), classes


def test_its_output_is_the_mean_of_the_members() -> None:
    network, (images, _) = ensemble(_member, 3)(_SHAPE, 3, 7), _data(5)
    each = [member(images) for member in members(network)]
    assert len(each) == 3
    np.testing.assert_allclose(network(images), np.mean(each, axis=0), atol=1e-6)
    assert np.abs(each[0] - each[1]).max() > 1e-3
    assert members(_member(_SHAPE, 3, 0))[0].name.startswith("sequential")


def test_samples_are_the_members_by_number() -> None:
    network, (images, _) = ensemble(_member, 3)(_SHAPE, 3, 7), _data(5)
    posterior = Ensemble(network)
    assert posterior.num_samples(100) == posterior.num_samples(1) == 3
    features = posterior.features(tf.constant(images, tf.float32))
    samples = posterior.sample(tf.constant([2, 0], tf.int64), tf.constant(0, tf.int64))
    each = [member(images) for member in members(network)]
    np.testing.assert_allclose(
        posterior.probs(features, samples), [each[2], each[0]], atol=1e-6
    )


@pytest.mark.parametrize("name", ["bald", "mean_std"])
def test_equal_members_disagree_about_nothing(name: str) -> None:
    assert name in ACQUISITIONS
    network, (images, _) = ensemble(_member, 4)(_SHAPE, 3, 7), _data(20)
    for member in members(network):
        member.set_weights(members(network)[0].get_weights())
    statistics = predictive_statistics(network, images, 100, 0, "ensemble")
    scores = np.asarray(acquisition_function(name, "mean")(statistics))
    np.testing.assert_array_equal(scores, 0)


def test_with_unlabelled_images_a_member_learns_as_if_it_were_alone() -> None:
    images, classes = _data(60)
    term = Consistency(_data(40, seed=1)[0], 1.0, batch_size=16)
    together = Fitter(ensemble(_member, 2), _SHAPE, 3, batch_size=20, consistency=term)
    together.fit(images, classes, epochs=3, weight_decay=0.5, seed=3)
    start = members(ensemble(_member, 2)(_SHAPE, 3, 3))
    for member, first in zip(members(together.network), start, strict=True):
        alone = Fitter(
            lambda *given: _member(*given), _SHAPE, 3, batch_size=20, consistency=term
        )
        alone._make = lambda seed, first=first: first
        alone.fit(images, classes, epochs=3, weight_decay=0.5, seed=3)
        for one, other in zip(member.get_weights(), alone.network.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=2e-4)


def test_a_member_learns_as_if_it_were_alone() -> None:
    images, classes = _data(60)
    together = Fitter(ensemble(_member, 2), _SHAPE, 3, batch_size=20)
    together.fit(images, classes, epochs=30, weight_decay=0.5, seed=3)
    start = members(ensemble(_member, 2)(_SHAPE, 3, 3))[1].get_weights()

    def same_start(*_: object) -> keras.Model:
        network = _member(_SHAPE, 3, 0)
        network.set_weights(start)
        return network

    alone = Fitter(same_start, _SHAPE, 3, batch_size=20)
    alone.fit(images, classes, epochs=30, weight_decay=0.5, seed=3)
    # Adam divides by the size of the gradient, of which each member gets its share.
    for one, other in zip(
        members(together.network)[1].get_weights(), alone.network.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2e-3)
    error = (together.network(images).numpy().argmax(axis=1) != classes).mean()
    assert error < 0.1


def test_the_seed_fixes_all_members() -> None:
    fitter = Fitter(ensemble(bayesian_cnn, 2), (12, 12, 1), 3)
    images = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 1), np.uint8)
    fits = []
    for seed in (1, 2, 1):
        fitter.fit(images, np.arange(20) % 3, epochs=2, weight_decay=2.5, seed=seed)
        fits.append(np.concatenate([w.ravel() for w in fitter.network.get_weights()]))
    np.testing.assert_array_equal(fits[0], fits[2])
    assert not np.array_equal(fits[0], fits[1])


def test_another_network_is_refused() -> None:
    with pytest.raises(InputError, match="is no ensemble; build it with"):
        Ensemble(_member(_SHAPE, 3, 0))
