"""The perceptron's output by hand; settled statistics; predictions."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import mlp as mlp_file
from dbal_tf.baselines.semi_supervised.mlp import Mlp, MlpPredictor
from dbal_tf.baselines.semi_supervised.normalisation import by_batch
from dbal_tf.baselines.semi_supervised.system import pixels


def images(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 2, 3, 1)).astype(np.uint8)


def unchanged(layer: int, values: tf.Tensor) -> tf.Tensor:
    return values


def test_logits_by_hand() -> None:
    mlp = Mlp(1, [2, 1], seed=0)
    mlp.kernels[0].assign([[1, -1]])
    mlp.scales[0].assign([2, 2])
    mlp.shifts[0].assign([0.5, 0.5])
    mlp.kernels[1].assign([[1], [10]])
    mlp.shifts[1].assign([-9])
    # Hidden units: 2 * 3 + 0.5, and -5.5, which ReLU makes 0; logits have no ReLU.
    np.testing.assert_allclose(mlp.logits(tf.constant([[3.0]]), unchanged), [[-2.5]])


def test_normalise_is_given_each_layer_in_turn() -> None:
    asked = []

    def normalise(layer: int, values: tf.Tensor) -> tf.Tensor:
        asked.append((layer, tuple(values.shape)))
        return values

    Mlp(6, [5, 4, 3], seed=0).logits(tf.zeros([2, 6]), normalise)
    assert asked == [(0, (2, 5)), (1, (2, 4)), (2, (2, 3))]


def test_weights_have_variance_1_by_fan_in_and_come_from_the_seed() -> None:
    first, again, other = (Mlp(400, [300, 2], seed) for seed in (1, 1, 2))
    assert np.std(first.kernels[0]) == pytest.approx(1 / 20, rel=0.02)
    np.testing.assert_array_equal(first.kernels[0], again.kernels[0])
    assert np.abs(first.kernels[0] - other.kernels[0].numpy()).max() > 0.01
    assert len(first.trainable_variables) == 6
    assert len(Mlp(4, [3, 2], 0, scale_hidden=False).trainable_variables) == 5


def test_settled_on_one_batch_it_computes_as_by_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mlp = Mlp(6, [5, 4, 3], seed=0)
    some = images(50)
    rows = tf.constant(pixels(some))
    for chunk in (2000, 7):  # exact, however the images are cut into chunks
        monkeypatch.setattr(mlp_file, "_CHUNK", chunk)
        mlp.settle(some)
        np.testing.assert_allclose(
            mlp.logits(rows, mlp.settled), mlp.logits(rows, by_batch), atol=1e-4
        )


def test_predictions_are_probabilities_of_each_image_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mlp = Mlp(6, [5, 3], seed=0)
    mlp.settle(images(50))
    probs = MlpPredictor(mlp).predict_probs(images(20))
    assert probs.shape == (20, 3) and probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-12)
    monkeypatch.setattr(mlp_file, "_CHUNK", 7)
    np.testing.assert_allclose(MlpPredictor(mlp).predict_probs(images(20)), probs, atol=1e-6)
    assert MlpPredictor(mlp).predict_probs(images(0)).shape == (0, 3)
