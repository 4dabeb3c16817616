import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import mtc
from dbal_tf.baselines.semi_supervised.mtc import Mtc
from dbal_tf.baselines.semi_supervised.perceptron import SoftmaxPredictor
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages

TINY = Mtc.tiny()


@pytest.fixture(scope="module")
def network():
    """Two sigmoid layers and two logits over eight inputs, with weights of size 1."""
    layers = [keras.layers.Dense(size, "sigmoid") for size in (7, 6)]
    network = keras.Sequential([keras.Input([8]), *layers, keras.layers.Dense(2)])
    generator = np.random.default_rng(0)
    network.set_weights([generator.normal(size=w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def inputs():
    return tf.constant(np.random.default_rng(1).random((5, 8), np.float32))


def jacobians(function, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return tape.batch_jacobian(outputs, inputs).numpy()


def test_products_with_the_jacobian_are_those_of_autodiff(network, inputs):
    encoder = network.layers[:-1]
    jacobian = jacobians(lambda x: mtc.codes(encoder, x)[-1], inputs)
    generator = np.random.default_rng(2)
    here = generator.normal(size=(5, 3, 8)).astype(np.float32)
    there = generator.normal(size=(5, 3, 6)).astype(np.float32)
    codes = mtc.codes(encoder, inputs)
    pushed, pulled = mtc.pushed(encoder, codes, here), mtc.pulled(encoder, codes, there)
    np.testing.assert_allclose(pushed, np.einsum("nhd,nkd->nkh", jacobian, here), atol=1e-5)
    np.testing.assert_allclose(pulled, np.einsum("nhd,nkh->nkd", jacobian, there), atol=1e-5)


def test_tangents_are_the_first_right_singular_vectors(network, inputs):
    encoder = network.layers[:-1]
    jacobian = jacobians(lambda x: mtc.codes(encoder, x)[-1], inputs)
    expected = np.linalg.svd(jacobian)[2][:, :3]
    found = mtc.tangents(encoder, inputs, count=3, rounds=10).numpy()
    # A singular vector's sign is arbitrary.
    cosines = np.abs(np.sum(found * expected, axis=-1))
    np.testing.assert_allclose(cosines, 1, atol=1e-4)


def test_tangents_are_found_in_a_subspace_smaller_than_the_input():
    generator = np.random.default_rng(0)
    layer = keras.layers.Dense(30, "sigmoid")
    layer.build([None, 40])
    left, right = (np.linalg.qr(generator.normal(size=(n, 30)))[0] for n in (40, 30))
    layer.set_weights([left * 0.7 ** np.arange(30) @ right.T, np.zeros(30)])
    points = tf.zeros([2, 40])  # where all slopes are 1/4
    found = mtc.tangents([layer], points, count=4, rounds=10).numpy()
    cosines = np.abs(np.einsum("nkd,dk->nk", found, left[:, :4]))
    np.testing.assert_allclose(cosines, 1, atol=1e-4)


def test_penalty_is_that_of_autodiff(network, inputs):
    directions = np.random.default_rng(2).normal(size=(5, 3, 8)).astype(np.float32)
    moved = np.einsum("ncd,nkd->nkc", jacobians(network, inputs), directions)
    penalty = mtc.tangent_penalty(network, inputs, directions)
    assert float(penalty) == pytest.approx(np.sum(moved**2) / 5, rel=1e-5)


@pytest.fixture(scope="module")
def fitted(parts):
    return TINY.fit(*parts[:3], 0, Session())


def test_penalty_and_rate_are_chosen_on_the_validation_images(parts, monkeypatch):
    tuned = []
    monkeypatch.setattr(Mtc, "_tune", lambda self, network, data, *rest: tuned.append(rest[:2]))

    def validate(predictor: SoftmaxPredictor, images: LabelledImages) -> float:
        assert images is parts.validation
        penalty, rate = tuned[-1]
        return abs(penalty - 0.4) + abs(rate - 0.01)

    monkeypatch.setattr(mtc, "error", validate)
    session = Session()
    several = dataclasses.replace(
        TINY, layer_steps=1, penalties=(0.0, 0.5, 1.0), rates=(0.1, 0.02)
    )
    several.fit(*parts[:3], 0, session)
    assert session.chosen == {"penalty": 0.5, "rate": 0.02}
    assert len(tuned) == 6


def test_a_larger_penalty_makes_the_outputs_flatter(fitted, parts):
    own = parts.labelled
    flat = dataclasses.replace(TINY, penalties=(10.0,)).fit(*parts[:3], 0, Session())
    inputs = tf.constant(own.images.reshape(100, -1) / np.float32(255))

    def steepness(predictor):
        layers = predictor.network.layers[:-1]
        directions = mtc.tangents(layers, inputs, 5, 3)
        return float(mtc.tangent_penalty(predictor.network, inputs, directions))

    assert steepness(flat) < steepness(fitted) / 2
