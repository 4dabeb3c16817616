"""The Gamma-model's cost by hand; the full ladder; fits of small images."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import ladder
from dbal_tf.baselines.semi_supervised.ladder import Decoder, Ladder, Level
from dbal_tf.baselines.semi_supervised.mlp import Mlp
from dbal_tf.core import InputError

QUICK = dataclasses.replace(Ladder.tiny(), units=(20,), steps=40, hold=20)


def two_units() -> tuple[Mlp, Decoder]:
    """A net of 2 units that computes its inputs, and the decoder of them."""
    mlp = Mlp(2, [2], seed=0, scale_hidden=False)
    mlp.kernels[0].assign(np.eye(2))
    return mlp, Decoder([2, 2], depth=1, seed=0)


def silence(layer: int, values: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(values)


def gamma_cost(mlp: Mlp, decoder: Decoder) -> float:
    # Means 0.5 and 1, deviations 0.5 and 1: z is -1, -1 for the first image, 1, 1 for
    # the second. The softmax of both is 1/2, 1/2, so that u is 0.
    images = tf.constant([[0.0, 0.0], [1.0, 2.0]])
    logits, noisy = ladder.corrupted(mlp, images, images, silence)
    probs = tf.nn.softmax(logits[2:])
    np.testing.assert_allclose(probs, 0.5 * np.ones((2, 2)), atol=1e-5)
    (cost,) = ladder.denoising_costs(decoder, ladder.clean(mlp, images), noisy, probs)
    return float(cost)


def test_gamma_cost_by_hand_as_training_begins() -> None:
    mlp, decoder = two_units()
    # The estimate is 0, which is -1 in both columns after normalisation: the
    # first image is met exactly and the second missed by 2: the mean is (0+0+4+4)/4.
    assert gamma_cost(mlp, decoder) == pytest.approx(2.0, abs=1e-4)


def test_gamma_cost_by_hand_where_noisy_units_are_trusted() -> None:
    mlp, decoder = two_units()
    weights = np.zeros((10, 2))
    weights[9] = 1  # v = 1, mu = 0: the estimate is the noisy z itself
    decoder.combinations[0].assign(weights)
    # (z - mean) / deviation is -3, 1 in the first column and -2, 0 in the second:
    # away from z by -2, 0 and -1, -1: the mean is (4+0+1+1)/4.
    assert gamma_cost(mlp, decoder) == pytest.approx(1.5, abs=1e-4)


def test_denoised_by_hand() -> None:
    # u = 0: mu = 4 sigmoid(0) + 1 = 3, v = 1 sigmoid(0) + 0.25 = 0.75.
    weights = np.array([[4, 1, 0, 7, 1, 1, 1, 0, 7, 0.25]]).T
    estimate = ladder.denoised(
        tf.constant([[7.0]], tf.float64), tf.zeros([1, 1], tf.float64), tf.constant(weights)
    )
    np.testing.assert_allclose(estimate, [[(7 - 3) * 0.75 + 3]])
    # u = 1, slopes: mu = 7 + 1, v = 7 + 0.25.
    weights[[0, 5]] = 0
    estimate = ladder.denoised(
        tf.constant([[7.0]], tf.float64), tf.ones([1, 1], tf.float64), tf.constant(weights)
    )
    np.testing.assert_allclose(estimate, [[(7 - 8) * 7.25 + 8]])


def test_the_full_ladder_ends_at_the_pixels() -> None:
    mlp, decoder = Mlp(3, [4, 2], seed=0), Decoder([3, 4, 2], depth=3, seed=1)
    assert [w.shape for w in decoder.combinations] == [(10, 2), (10, 4), (10, 3)]
    assert [k.shape for k in decoder.kernels] == [(2, 4), (4, 3)]
    images = tf.random.stateless_uniform([6, 3], [0, 0])
    logits, noisy = ladder.corrupted(mlp, images[:2], images, silence)
    levels = ladder.clean(mlp, images)
    costs = ladder.denoising_costs(decoder, levels, noisy, tf.nn.softmax(logits[2:]))
    # Before training the estimate is 0, so that the pixels' cost is their mean square.
    assert float(costs[2]) == pytest.approx(float(tf.reduce_mean(images**2)), rel=1e-5)
    assert isinstance(levels[0], Level) and float(levels[0].deviation[0, 0]) == 1


def test_images_are_normalised_by_the_unlabelled_ones_and_noise_is_added() -> None:
    mlp, _ = two_units()
    unlabelled = tf.random.stateless_uniform([8, 2], [0, 0])
    outputs = [
        ladder.corrupted(mlp, labelled, unlabelled, silence)
        for labelled in (tf.zeros([3, 2]), 100 * tf.random.stateless_uniform([3, 2], [0, 1]))
    ]
    np.testing.assert_array_equal(outputs[0][0][3:], outputs[1][0][3:])
    levels = ladder.clean(mlp, unlabelled)
    np.testing.assert_allclose(outputs[0][1][1], levels[1].values, atol=1e-5)
    np.testing.assert_allclose(outputs[0][0][3:], levels[1].values, atol=1e-5)
    asked = []

    def noise(layer: int, values: tf.Tensor) -> tf.Tensor:
        asked.append((layer, tuple(values.shape)))
        return tf.ones_like(values)

    noisy = ladder.corrupted(mlp, tf.zeros([3, 2]), unlabelled, noise)[1]
    assert asked == [(0, (11, 2)), (1, (11, 2))]
    np.testing.assert_allclose(noisy[0], unlabelled + 1)
    np.testing.assert_allclose(noisy[1], levels[1].values + 1, atol=1e-4)


def test_the_cost_reaches_the_encoder_by_the_clean_path_too() -> None:
    mlp, decoder = two_units()
    images = tf.random.stateless_uniform([8, 2], [0, 0])
    fixed = tf.random.stateless_uniform([8, 2], [0, 1])
    with tf.GradientTape() as tape:
        cost = ladder.denoising_costs(
            decoder, ladder.clean(mlp, images), [images, fixed], tf.nn.softmax(fixed)
        )[0]
    assert float(tf.reduce_max(tf.abs(tape.gradient(cost, mlp.kernels[0].value)))) > 1e-3


def test_labelled_images_are_learnt_as_they_are_predicted(skewed, losses) -> None:
    # Neither noise nor learning: the loss is that of the predictions of the same net.
    system = dataclasses.replace(
        QUICK, noise=0.0, steps=1, hold=0, rate=0.0, unlabelled_batch=len(skewed.unlabelled)
    )
    learnt, predicted = losses(system)
    # By the labelled images' own statistics it would be 3.249, not 3.226 and 3.223.
    assert learnt == pytest.approx(predicted, rel=2e-3)


def test_published_settings() -> None:
    assert Ladder.faithful() == Ladder(denoising=(10.0,), noise=0.3, steps=90_000)
    assert len(Ladder.faithful(full=True).denoising) == 7
    assert Ladder.light().steps < Ladder.faithful().steps


def test_weights_that_are_not_of_its_layers_are_refused() -> None:
    for weights in ((), (1.0,) * 8):
        with pytest.raises(InputError, match=rf"has {len(weights)} denoising .* 1 to 7,"):
            Ladder(denoising=weights)
