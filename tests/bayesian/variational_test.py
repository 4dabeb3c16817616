"""Bayes by backprop: its layer, its training, and the posterior."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import masks
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.bayesian.variational import BayesByBackprop, NormalDense, variational
from dbal_tf.core import InputError

_SHAPE = (8, 8, 1)


def _layer(inputs: int = 6, units: int = 3, seed: int = 0) -> NormalDense:
    layer = NormalDense(units)
    layer.build((None, inputs))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(-1, 0.5, weight.shape) for weight in layer.get_weights()])
    return layer


def _data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    images = rng.integers(0, 60, (count, *_SHAPE))
    images[np.arange(count), 2 * classes + 1] += 150
    return images.astype(np.uint8), classes


def test_activations_in_training_have_the_mean_and_deviation_of_random_weights() -> None:
    layer, x = _layer(), np.random.default_rng(1).normal(size=(1, 6)).astype(np.float32)
    drawn = np.asarray(layer(np.repeat(x, 40_000, axis=0), training=True))
    (kernel, bias), deviations = layer.get_weights()[:2], layer.deviations()
    spread = np.square(x) @ np.square(deviations[0]) + np.square(deviations[1])
    np.testing.assert_allclose(drawn.mean(axis=0), (x @ kernel + bias)[0], atol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), np.sqrt(spread)[0], rtol=0.02)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.02
    np.testing.assert_allclose(layer(x), x @ kernel + bias, atol=1e-6)


def test_the_cost_is_the_divergence_times_twice_the_priors_variance() -> None:
    layer, prior = _layer(), 2 / 6
    by_hand = 0.0
    for mean, deviation in zip(layer.get_weights()[:2], layer.deviations(), strict=True):
        variance = np.square(deviation)
        by_hand += np.sum(np.square(mean) + variance - prior - prior * np.log(variance / prior))
    np.testing.assert_allclose(layer.cost(), by_hand, rtol=1e-5)
    for weight in layer.weights:
        raw = np.log(np.expm1(layer.prior_deviation)) if "raw" in weight.name else 0.0
        weight.assign(np.full(weight.shape, raw))
    assert float(layer.cost()) == pytest.approx(0, abs=1e-5), "the prior itself"


def test_the_network_is_the_factorys_without_dropout() -> None:
    network = variational(bayesian_cnn)(_SHAPE, 3, 5)
    plain, (images, _) = bayesian_cnn(_SHAPE, 3, 5), _data(4)
    np.testing.assert_allclose(network(images), plain(images), atol=1e-6)
    kinds = [type(layer) for layer in network.layers if isinstance(layer, layers.Dense)]
    assert kinds == [NormalDense] * 2
    again, other = (variational(bayesian_cnn)(_SHAPE, 3, seed) for seed in (5, 6))
    pairs = zip(network.get_weights(), again.get_weights(), other.get_weights(), strict=True)
    assert [np.array_equal(a, b) for a, b, _ in pairs] == [True] * len(network.weights)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(network.get_weights(), other.get_weights(), strict=True)
    )


def test_a_sample_by_hand() -> None:
    network, (images, _) = variational(bayesian_cnn)(_SHAPE, 3, 5), _data(4)
    first, last = [layer for layer in network.layers if isinstance(layer, NormalDense)]
    posterior = BayesByBackprop(network)
    features = posterior.features(tf.constant(images, tf.float32))
    index, seed = tf.constant(7, tf.int64), tf.constant(2, tf.int64)
    probs = posterior.probs(features, posterior.sample(index[tf.newaxis], seed))
    x, site = features[0], 0
    for layer, then in ((first, tf.nn.relu), (last, tf.nn.softmax)):
        kernel, bias = (
            mean + deviation * masks.standard_normal(mean.shape, index, seed, site + number)
            for number, (mean, deviation) in enumerate(
                zip(layer.means, layer.deviations(), strict=True)
            )
        )
        x, site = then(x @ kernel + bias), site + 2
    np.testing.assert_allclose(probs[0], x, atol=1e-5)


def test_it_learns_and_is_surer_where_it_has_seen_more() -> None:
    fitter = Fitter(variational(bayesian_cnn), _SHAPE, 3, batch_size=20)
    images, classes = _data(60)
    fitter.fit(images, classes, epochs=60, weight_decay=0.5, seed=1)
    network, (unseen, truth) = fitter.network, _data(100, seed=1)
    found = predictive_statistics(network, unseen, 30, 0, "bayes_by_backprop").mean_probs
    assert (found.argmax(axis=1) == truth).mean() > 0.9
    deviations = [
        float(np.mean(layer.deviations()[0] / layer.prior_deviation))
        for layer in network.layers
        if isinstance(layer, NormalDense)
    ]
    first = network.get_weights()
    fitter.fit(images, classes, epochs=60, weight_decay=0.5, seed=1)
    assert all(map(np.array_equal, first, network.get_weights())), "by the seed alone"
    assert all(0.1 < one < 1.1 for one in deviations), "they have grown towards the prior"


# Keras's reader of .keras files has it.
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_it_is_saved_and_loaded(tmp_path) -> None:
    network, (images, _) = variational(bayesian_cnn)(_SHAPE, 3, 5), _data(4)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    given = images, 4, 3, "bayes_by_backprop"
    one, two = (predictive_statistics(each, *given).mean_probs for each in (network, loaded))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_other_networks_are_refused() -> None:
    with pytest.raises(InputError, match=r"no layer with uncertain weights.*mc_dropout"):
        BayesByBackprop(bayesian_cnn(_SHAPE, 3, 0))

    def flat(*_: object) -> keras.Model:
        return keras.Sequential([keras.Input(_SHAPE), layers.Flatten(), layers.Softmax()])

    with pytest.raises(InputError, match=r"no dense layer.*bayes_by_backprop"):
        variational(flat)(_SHAPE, 3, 0)
    with pytest.raises(InputError, match="cannot be sampled"):
        predictive_statistics(variational(bayesian_cnn)(_SHAPE, 3, 5), _data(4)[0])
