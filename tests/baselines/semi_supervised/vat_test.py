"""The adversarial change against finite differences; fits of small images."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import vat
from dbal_tf.baselines.semi_supervised.normalisation import standardise
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.baselines.semi_supervised.vat import Vat
from dbal_tf.core import InputError
from dbal_tf.datasets import digits

QUICK = dataclasses.replace(Vat.tiny(), units=(20,), steps=40)


def net(inputs: tf.Tensor) -> tf.Tensor:
    """Logits of 3 classes by 4 tanh units and normalisation over the batch."""
    rng = np.random.default_rng(0)
    hidden = tf.tanh(standardise(inputs @ rng.normal(size=(5, 4))))
    return hidden @ rng.normal(size=(4, 3))


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(6, 5))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def gradient_by_differences(inputs: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The gradient of the summed KL by each pixel, at a small step along the directions."""
    step, reach = 1e-6, 1e-3
    gradient = np.zeros_like(inputs)
    clean = net(tf.constant(inputs))

    def total(change: np.ndarray) -> float:
        return float(tf.reduce_sum(vat.divergence(clean, net(tf.constant(inputs + change)))))

    for place in np.ndindex(*inputs.shape):
        change = reach * unit(directions)
        change[place] += step
        above = total(change)
        change[place] -= 2 * step
        gradient[place] = (above - total(change)) / (2 * step)
    return gradient


def test_the_change_is_that_of_finite_differences() -> None:
    inputs, directions = images(1), images(2)
    logits, change = vat.adversarial(
        net, tf.constant(inputs), tf.constant(directions), epsilon=0.5
    )
    expected = 0.5 * unit(gradient_by_differences(inputs, directions))
    np.testing.assert_allclose(change, expected, atol=2e-3)
    np.testing.assert_allclose(logits, net(tf.constant(inputs)))


def test_repeated_steps_find_the_change_of_the_largest_divergence() -> None:
    kernel = np.random.default_rng(3).normal(size=(5, 3))
    inputs = tf.constant(images(4)[:1])
    change = tf.constant(images(5)[:1])
    for _ in range(200):
        logits, change = vat.adversarial(lambda x: x @ kernel, inputs, change, 1.0)
    probs = tf.nn.softmax(logits)[0].numpy()
    hessian = kernel @ (np.diag(probs) - np.outer(probs, probs)) @ kernel.T
    largest = np.linalg.eigh(hessian)[1][:, -1]
    assert abs(change[0].numpy() @ largest) == pytest.approx(1)


def test_each_image_is_changed_by_epsilon_whatever_its_shape() -> None:
    pixels = tf.random.stateless_normal([3, 2, 2, 1], [0, 0])
    noise = tf.random.stateless_normal([3, 2, 2, 1], [0, 1])
    kernel = tf.random.stateless_normal([4, 2], [0, 2])
    change = vat.adversarial(lambda x: tf.reshape(x, [3, 4]) @ kernel, pixels, noise, 2.0)[1]
    assert change.shape == [3, 2, 2, 1]
    np.testing.assert_allclose(np.linalg.norm(change.numpy().reshape(3, 4), axis=1), 2, 1e-5)


def test_a_sure_prediction_is_changed_by_epsilon_too_in_float32() -> None:
    kernel = tf.constant([[30.0, -30.0], [0.0, 0.0]])
    one = tf.constant([[1.0, 0.0]])  # logits 30 and -30: p = 1 - 9e-27
    change = vat.adversarial(lambda x: x @ kernel, one, tf.constant([[0.3, 0.4]]), 1.5)[1]
    np.testing.assert_allclose(np.abs(change), [[1.5, 0]], atol=1e-6)


def test_no_change_where_none_has_an_effect() -> None:
    change = vat.adversarial(
        lambda x: 0 * x, tf.constant(images(1)), tf.constant(images(2)), 1.0
    )[1]
    np.testing.assert_array_equal(change, np.zeros((6, 5)))


def test_the_change_is_a_constant_to_an_outer_tape() -> None:
    kernel = tf.Variable(np.random.default_rng(3).normal(size=(5, 3)))
    with tf.GradientTape() as tape:
        outputs = vat.adversarial(
            lambda x: x @ kernel, tf.constant(images(1)), tf.constant(images(2)), 1.0
        )
        total = sum(tf.reduce_sum(output) for output in outputs)
    assert tape.gradient(total, kernel) is None


def test_divergence_by_hand() -> None:
    logits = tf.math.log(tf.constant([[0.5, 0.5], [0.25, 0.75]], tf.float64))
    others = tf.math.log(tf.constant([[0.25, 0.75], [0.25, 0.75]], tf.float64))
    expected = [0.5 * np.log(2) + 0.5 * np.log(2 / 3), 0]
    np.testing.assert_allclose(vat.divergence(logits, others), expected, atol=1e-12)


@pytest.fixture(scope="module")
def parts() -> tuple[LabelledImages, np.ndarray, LabelledImages, LabelledImages]:
    """100 labelled digits, 1000 unlabelled, 100 for validation, 597 for testing."""
    data = digits.load("")
    images, classes = data.train.images, data.train_classes
    return (
        LabelledImages(images[:100], classes[:100]),
        images[200:],
        LabelledImages(images[100:200], classes[100:200]),
        LabelledImages(data.test.images, data.test_classes),
    )


def test_tiny_learns_the_digits(parts: tuple) -> None:
    labelled, unlabelled, validation, test = parts
    predictor = Vat.tiny().fit(labelled, unlabelled, validation, 0, Session())
    probs = predictor.predict_probs(test.images)
    assert probs.shape == (597, 10) and probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert error(predictor, test) < 0.25  # that of the majority class is 0.9


def test_the_same_seed_gives_the_same_and_another_seed_another(parts: tuple) -> None:
    labelled, unlabelled, validation, test = parts
    first, again, other = (
        QUICK.fit(labelled, unlabelled, validation, seed, Session()).predict_probs(test.images)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_epsilon_is_chosen_on_the_validation_images_and_kept(
    parts: tuple, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled, unlabelled, validation, _ = parts
    trained = []

    def train(self: Vat, *args: object) -> float:
        trained.append((self.epsilons, self.steps, args[-1]))
        return self.epsilons[0]

    monkeypatch.setattr(Vat, "_train", train)
    monkeypatch.setattr(vat, "error", lambda fitted, images: abs(fitted - 1))
    system = Vat(epsilons=(0.5, 1.0, 3.0), steps=9, trial_steps=4)
    for _ in range(2):
        unlabelled = np.repeat(unlabelled, 2, axis=0)
        system.fit(labelled, unlabelled, validation, 0, Session(tmp_path))
    short = [((e,), 4, f"vat_epsilon_{e:g}") for e in (0.5, 1.0, 3.0)]
    assert trained == [*short, ((1.0,), 9, "vat"), ((1.0,), 9, "vat")]


def test_a_killed_fit_goes_on_and_ends_equal(parts: tuple, tmp_path) -> None:
    labelled, unlabelled, validation, test = parts

    class Killed(Exception):
        pass

    class Small(Session):
        """Has chunks of 10 steps; may be killed after a step."""

        kill_at = -1

        def train(self, name, steps, run, state, chunk=500) -> None:
            def killed(first: int, last: int):
                measures = run(first, last)
                if first == self.kill_at:
                    raise Killed
                return measures

            super().train(name, steps, killed, state, chunk=10)

    whole = QUICK.fit(labelled, unlabelled, validation, 0, Small())
    stopped = Small(tmp_path, every=0.0)
    stopped.kill_at = 20
    with pytest.raises(Killed):
        QUICK.fit(labelled, unlabelled, validation, 0, stopped)
    said: list[str] = []
    resumed = QUICK.fit(
        labelled, unlabelled, validation, 0, Small(tmp_path, said.append, every=0.0)
    )
    assert [line.split(" of")[0] for line in said] == ["vat: 30", "vat: 40"]
    np.testing.assert_array_equal(
        whole.predict_probs(test.images), resumed.predict_probs(test.images)
    )


def test_bad_input(parts: tuple) -> None:
    labelled, unlabelled, validation, _ = parts
    with pytest.raises(InputError, match=r"^99 unlabelled images were given; expected at"):
        QUICK.fit(labelled, unlabelled[:99], validation, 0, Session())
    without = labelled.classes != 3
    few = LabelledImages(labelled.images[without], labelled.classes[without])
    with pytest.raises(InputError, match=r"^Class 3 has no labelled image"):
        QUICK.fit(few, unlabelled, validation, 0, Session())
