"""Posteriors against a hand evaluation, against Keras, and by their contract."""

import pathlib
import runpy

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf import config
from dbal_tf.bayesian import laplace, masks
from dbal_tf.bayesian.ensemble import ensemble
from dbal_tf.bayesian.posteriors import POSTERIORS, Deterministic, McDropout
from dbal_tf.bayesian.variational import variational
from dbal_tf.core import InputError, Posterior

KERAS_CHECK = runpy.run_path(
    str(pathlib.Path(__file__).parents[2] / "tools" / "check_against_keras.py")
)
samples_of, keras_samples, z_scores, bound = (
    KERAS_CHECK[name] for name in ("posterior_samples", "keras_samples", "z_scores", "bound")
)

STOCHASTIC = (
    *("small_paper", "activations", "few_units", "residual", "nested", "shared", "branch"),
    *("spatial", "batch_norm", "gaussian", "training_true", "flat_late", "channels_first"),
    *("wide_activation", "half_precision", "double_precision", "by_keyword"),
)
LIKE_KERAS = (
    *("activations", "residual", "nested", "shared", "spatial", "batch_norm", "gaussian"),
    *("half_precision", "double_precision", "by_keyword"),
)


def test_every_name_of_the_flag_has_a_posterior() -> None:
    assert tuple(POSTERIORS) == config.POSTERIORS


@pytest.mark.parametrize("name", POSTERIORS)
def test_contract(name: str, build, images) -> None:
    network = build("small_paper")
    laplace.fit(network, images(network, 9))
    if name == "ensemble":
        network = ensemble(lambda *_: build("small_paper"), 5)((8, 8, 1), 3, 0)
    if name == "bayes_by_backprop":
        network = variational(lambda *_: build("small_paper"))((8, 8, 1), 3, 0)
    posterior, x = POSTERIORS[name](network), images(network, 6)
    assert isinstance(posterior, Posterior)
    assert 1 <= posterior.num_samples(30) <= 30
    probs = samples_of(posterior, x, 8, seed=3)
    assert (probs.shape, probs.dtype) == ((8, 6, 3), np.float32)
    assert (probs >= 0).all()
    np.testing.assert_allclose(probs.sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(samples_of(posterior, x, 8, seed=3), probs)
    np.testing.assert_allclose(samples_of(posterior, x, 3, seed=3), probs[:3], atol=1e-6)
    order = [4, 1, 1, 5]
    np.testing.assert_allclose(
        samples_of(posterior, x[order], 8, seed=3), probs[:, order], atol=1e-6
    )
    same_for_all_seeds = np.array_equal(samples_of(posterior, x, 8, seed=4), probs)
    assert same_for_all_seeds == (name in ("deterministic", "ensemble"))


@pytest.mark.parametrize("packed", [True, False])
def test_a_dense_network_by_hand(packed: bool) -> None:
    drops = layers.Dropout(0.4), layers.Dropout(0.5)
    dense = layers.Dense(7, activation="relu"), layers.Dense(3, activation="softmax")
    network = keras.Sequential([keras.Input((5,)), drops[0], dense[0], drops[1], dense[1]])
    rng = np.random.default_rng(0)
    network.set_weights([rng.standard_normal(w.shape) for w in network.get_weights()])
    (kernel, bias), (readout, last) = (layer.get_weights() for layer in dense)
    x = rng.standard_normal((4, 5)).astype(np.float32)
    got = samples_of(McDropout(network, packed), x, 10, seed=9)
    for t in range(10):
        address = tf.constant(t, tf.int64), tf.constant(9, tf.int64)
        inputs = masks.noise(drops[0], (5,), *address, site=0).numpy()
        units = masks.noise(drops[1], (7,), *address, site=1).numpy()
        hidden = np.maximum((x * inputs) @ kernel + bias, 0) * units
        odds = np.exp(hidden @ readout + last)
        np.testing.assert_allclose(got[t], odds / odds.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_without_noise_it_is_the_network(name: str, build, images, monkeypatch) -> None:
    network = build(name)
    x = images(network, 4)
    expected = network(x, training=False).numpy()
    plain = McDropout(network, packed=False)
    assert np.abs(samples_of(plain, x, 2) - expected).max() > 1e-3
    monkeypatch.setattr(masks, "noise", lambda layer, shape, *address: tf.ones(shape))
    for posterior in (plain, McDropout(network)):
        limit = 2e-3 if name == "half_precision" else 1e-5
        np.testing.assert_allclose(
            samples_of(posterior, x, 2), [expected] * 2, atol=limit, rtol=0
        )


@pytest.mark.parametrize("name", LIKE_KERAS)
def test_the_distribution_is_that_of_keras(name: str, build, images) -> None:
    network = build(name)
    for layer in network.layers:
        # Keras then keeps BatchNormalization in inference mode, as is done here.
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    x = images(network, 20)
    ours = samples_of(McDropout(network), x, 1000)
    z_mean, z_variance = z_scores(ours, keras_samples(network, x, 1000))
    assert ours.std(axis=0).mean() > 0.01
    assert max(np.abs(z_mean).max(), np.abs(z_variance).max()) < bound(2 * z_mean.size, 1e-6)


def test_the_distribution_of_the_papers_network_is_that_of_keras(build, images) -> None:
    network = build("paper")
    readout = network.layers[-1]
    readout.kernel.assign(3 * readout.kernel)  # so that samples disagree
    posterior, x = McDropout(network), images(network, 40)
    (features,) = posterior.features(tf.constant(x))
    head = keras.Sequential([keras.Input(features.shape[1:]), *network.layers[4:]])
    ours, kerass = samples_of(posterior, x, 1000), keras_samples(head, features, 1000)
    z_mean, z_variance = z_scores(ours, kerass)
    assert ours.std(axis=0).mean() > 0.03
    # The images share their masks, so the bound for independent ones is generous.
    assert max(np.abs(z_mean).max(), np.abs(z_variance).max()) < bound(2 * z_mean.size)


def test_z_scores_tell_other_rates_apart(build, images) -> None:
    network = build("activations")
    x = images(network, 20)
    ours = samples_of(McDropout(network), x, 1000)
    network.layers[-3].rate = 0.4
    z_mean, z_variance = z_scores(ours, keras_samples(network, x, 1000))
    assert np.abs(z_variance).max() > bound(2 * z_mean.size, 1e-6)


def test_items_share_their_masks(build, images) -> None:
    network = build("residual")
    x = images(network, 2)[[0, 1, 0]]
    probs = samples_of(McDropout(network), x, 20)
    np.testing.assert_allclose(probs[:, 0], probs[:, 2], atol=1e-6)
    assert np.abs(keras_samples(network, x, 20)[:, 0] - probs[:, 2]).max() > 1e-3


def test_the_calls_of_a_shared_layer_have_masks_of_their_own(
    monkeypatch, build, images
) -> None:
    network, sites = build("shared"), []

    def record(layer, shape, index, seed, site) -> tf.Tensor:
        sites.append(site)
        return tf.ones(shape)

    monkeypatch.setattr(masks, "noise", record)
    samples_of(McDropout(network), images(network, 1), 1)
    assert sorted(set(sites)) == [0, 1]


@pytest.mark.parametrize("name", [*STOCHASTIC, "no_dropout"])
def test_deterministic_is_the_network_in_inference_mode(name: str, build, images) -> None:
    network = build(name)
    x = images(network, 4)
    probs = samples_of(Deterministic(network), x, 3)
    np.testing.assert_array_equal(probs[0], probs[2])
    np.testing.assert_allclose(probs[0], network(x, training=False), atol=1e-6)


def test_a_network_without_dropout_is_refused(build) -> None:
    with pytest.raises(InputError, match="has no dropout layer with a rate above 0"):
        McDropout(build("no_dropout"))


def test_a_network_with_other_noise_is_refused() -> None:
    network = keras.Sequential(
        [
            *(keras.Input((4,)), layers.Dropout(0.5), layers.GaussianNoise(1, name="mine")),
            layers.Dense(3, activation="softmax"),
        ]
    )
    with pytest.raises(InputError, match=r"Layer 'mine' .GaussianNoise. draws random"):
        McDropout(network)


def test_images_of_no_fixed_size_are_refused() -> None:
    network = keras.Sequential(
        [
            *(keras.Input((None, None, 1)), layers.Dropout(0.5), layers.Conv2D(2, 3)),
            *(layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")),
        ]
    )
    with pytest.raises(InputError, match="expected fixed sizes; give the model's"):
        McDropout(network)
