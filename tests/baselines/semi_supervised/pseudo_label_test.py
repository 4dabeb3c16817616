import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import pseudo_label
from dbal_tf.baselines.semi_supervised.pseudo_label import PseudoLabel

TINY = PseudoLabel.tiny()


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0), (200, 0), (350, 0.75), (500, 1.5), (800, 3), (2000, 3)]
)
def test_weight_of_unlabelled_images_rises_between_its_epochs(epoch, expected):
    weight = pseudo_label.unlabelled_weight(tf.constant(float(epoch)), 200.0, 800.0, 3.0)
    assert float(weight) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.5), (250, 0.745), (500, 0.99), (3000, 0.99)]
)
def test_momentum_rises_to_its_final_value(epoch, expected):
    share = pseudo_label.momentum(tf.constant(float(epoch)), 500.0)
    assert float(share) == pytest.approx(expected)


def test_two_moves_by_hand():
    # 0.5 * 0 - 0.5 * 1.5 * 2 = -1.5, then 0.5 * -1.5 - 0.5 * 1.5 * 1 = -1.5.
    first = pseudo_label.moved(0.0, 2.0, 0.5, 1.5)
    second = pseudo_label.moved(first, 1.0, 0.5, 1.5)
    assert (first, second) == (-1.5, -1.5)
    # A constant gradient moves by the rate in the long run.
    velocity = 0.0
    for _ in range(200):
        velocity = pseudo_label.moved(velocity, 2.0, 0.9, 1.5)
    assert velocity == pytest.approx(-3.0)


def test_class_loss_by_hand():
    logits = tf.constant([[0.0, np.log(3.0)]], tf.float32)
    # log 2 at a logit of 0; a sigmoid of 3/4 for what is not the class costs log 4.
    loss = pseudo_label.class_loss(logits, tf.constant([[1.0, 0.0]]))
    assert float(loss) == pytest.approx(np.log(2) + np.log(4))


def small_network():
    network = keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)]
    )
    generator = np.random.default_rng(0)
    network.set_weights([generator.normal(size=w.shape) for w in network.get_weights()])
    return network


def test_loss_is_labelled_plus_weighted_unlabelled():
    network, inputs = small_network(), np.random.default_rng(1).random((5, 3), np.float32)
    system = dataclasses.replace(TINY, dropout=0.0, ramp=(1.0, 3.0), alpha=4.0)
    targets = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    logits = network(tf.constant(inputs))
    own = pseudo_label.class_loss(logits[:2], targets)
    others = pseudo_label.class_loss(logits[2:], tf.one_hot(tf.argmax(logits[2:], 1), 2))
    for epoch, weight in ((0.0, 0.0), (2.0, 2.0), (5.0, 4.0)):
        key = tf.constant([0, 0], tf.int64)
        loss = system.loss(network, tf.constant(inputs), targets, tf.constant(epoch), key)
        assert float(loss) == pytest.approx(float(own + weight * others), rel=1e-5)


def test_predictions_are_of_the_sums_that_dropout_leaves_in_the_mean():
    network = small_network()
    inputs = tf.constant(np.random.default_rng(1).random((1, 3), np.float32))
    kept = [[float(unit in units) for unit in range(4)] for units in ((0, 1), (2, 3))]
    hidden, logits = network.layers
    expected = np.mean([logits(mask * hidden(inputs)) for mask in tf.constant(kept)], axis=0)
    pseudo_label.settle(network, dropout=0.5)
    np.testing.assert_allclose(network(inputs), expected, rtol=1e-5)


def test_pseudo_labels_are_without_a_gradient():
    logits = tf.Variable([[0.1, 0.3], [2.0, -1.0]])
    with tf.GradientTape() as tape:
        labels = pseudo_label.pseudo_labels(logits.value())
    np.testing.assert_array_equal(labels, [[0, 1], [1, 0]])
    assert tape.gradient(labels, logits) is None


def test_probs_are_sigmoids_divided_by_their_sum():
    network = keras.Sequential([keras.Input([1]), keras.layers.Dense(2)])
    network.set_weights([np.zeros((1, 2)), np.array([0.0, np.log(3.0)])])
    predictor = pseudo_label.PseudoLabelPredictor(network)
    probs = predictor.predict_probs(np.zeros((1, 1, 1, 1), np.uint8))
    np.testing.assert_allclose(probs, [[0.5 / 1.25, 0.75 / 1.25]], rtol=1e-6)
