"""Training: batches, loss and penalty by hand, and nothing that leaks between fits."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import ensemble
from dbal_tf.bayesian.consistency import Consistency
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.bayesian.networks import bayesian_cnn

SHAPE = (4, 4, 1)


def _network(image_shape: tuple, num_classes: int, seed: int, rate: float = 0.5) -> keras.Model:
    def glorot(offset: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=seed + offset)

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(8, activation="relu", kernel_initializer=glorot(0)),
            layers.BatchNormalization(),
            layers.Dropout(rate, seed=seed),
            layers.Dense(num_classes, activation="softmax", kernel_initializer=glorot(1)),
        ]
    )


def _plain(image_shape: tuple, num_classes: int, seed: int) -> keras.Model:
    """Without anything that is different in training."""
    network = _network(image_shape, num_classes, seed, rate=0.0)
    return keras.Sequential([keras.Input(image_shape), *network.layers[:3], network.layers[-1]])


def _softmax_only(image_shape: tuple, num_classes: int, seed: int) -> keras.Model:
    del seed
    last = layers.Dense(num_classes, activation="softmax", kernel_initializer="ones")
    return keras.Sequential([keras.Input(image_shape), layers.Flatten(), last])


def _data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of three classes, each bright in a row of its own."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    images = rng.integers(0, 100, (count, *SHAPE), np.uint8)
    images[np.arange(count), classes] += 100
    return images, classes


def _weights(fitter: Fitter, count: int, seed: int, epochs: int = 3) -> list[np.ndarray]:
    fitter.fit(*_data(count), epochs=epochs, weight_decay=1.0, seed=seed)
    return fitter.network.get_weights()


def _equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


@pytest.fixture
def fitter() -> Fitter:
    return Fitter(_network, SHAPE, 3)


def test_the_seed_fixes_the_weights_whatever_came_before(fitter: Fitter) -> None:
    first = _weights(fitter, 40, seed=5)
    other = _weights(fitter, 150, seed=6, epochs=7)
    predictive_statistics(fitter.network, _data(10)[0], 5)
    fitter.network(_data(10)[0], training=True)
    assert _equal(_weights(fitter, 40, seed=5), first)
    assert _equal(_weights(Fitter(_network, SHAPE, 3), 40, seed=5), first)
    assert not _equal(other, first)
    assert not _equal(_weights(fitter, 40, seed=6), first)


def test_the_papers_network_is_trained_alike_too() -> None:
    fitter = Fitter(bayesian_cnn, (8, 8, 1), 3)
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    classes = np.arange(20) % 3
    fits = []
    for seed in (1, 2, 1):
        fitter.fit(images, classes, epochs=2, weight_decay=2.5, seed=seed)
        fits.append(fitter.network.get_weights())
    assert _equal(fits[0], fits[2])
    assert not _equal(fits[0], fits[1])


def test_training_starts_from_the_seeds_weights(fitter: Fitter) -> None:
    _weights(fitter, 40, seed=6)
    assert _equal(_weights(fitter, 40, seed=5, epochs=0), _network(SHAPE, 3, 5).get_weights())


def test_a_check_every_few_steps_changes_nothing(fitter: Fitter) -> None:
    whole, calls = _weights(fitter, 200, seed=5, epochs=25), []
    given = {"epochs": 25, "weight_decay": 1.0, "seed": 5}
    loss = fitter.fit(*_data(200), **given)
    # Two steps an epoch, twenty between checks.
    assert fitter.fit(*_data(200), **given, check=lambda: calls.append(1)) == loss
    assert _equal(fitter.network.get_weights(), whole) and len(calls) == 3
    assert fitter._run.experimental_get_tracing_count() == 1


def test_with_unlabelled_images_it_changes_nothing_either() -> None:
    fitter = _vat()
    whole = _weights(fitter, 40, seed=5, epochs=30)
    given = {"epochs": 30, "weight_decay": 1.0, "seed": 5}
    fitter.fit(*_data(40), **given, check=lambda: None)
    assert _equal(fitter.network.get_weights(), whole)


def test_a_check_ends_a_fit_and_leaves_nothing_behind(fitter: Fitter) -> None:
    first, calls = _weights(fitter, 40, seed=5), []

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fitter.fit(*_data(40), epochs=60, weight_decay=1.0, seed=6, check=check)
    assert int(fitter._optimizer.iterations) == 20
    assert _equal(_weights(fitter, 40, seed=5), first)


def test_a_fit_that_failed_leaves_nothing_behind(fitter: Fitter) -> None:
    first = _weights(fitter, 40, seed=5)
    images, classes = _data(40)
    broken = np.where(classes[:, None, None, None] == 1, np.nan, images)
    with pytest.raises(
        ArithmeticError, match=r"loss became nan; try a smaller --learning_rate"
    ):
        fitter.fit(broken, classes, epochs=2, weight_decay=1.0, seed=5)
    assert _equal(_weights(fitter, 40, seed=5), first)


def test_a_loss_that_overflows_is_an_error() -> None:
    fitter = Fitter(_plain, SHAPE, 3, learning_rate=1e30)
    with pytest.raises(ArithmeticError, match="try a smaller --learning_rate"):
        fitter.fit(*_data(20), epochs=5, weight_decay=1.0, seed=0)


@pytest.mark.parametrize(
    ("count", "merge", "expected"),
    [
        (5, True, [5]),
        (128, True, [128]),
        (130, True, [130]),
        (144, True, [128, 16]),
        (145, True, [128, 17]),
        (258, True, [128, 130]),
        (5, False, [5]),
        (130, False, [128, 2]),
        (257, False, [128, 128, 1]),
    ],
)
def test_batches(count: int, merge: bool, expected: list, monkeypatch) -> None:
    seen: list[np.ndarray] = []

    def record(self, images, classes, rows, *others) -> tf.Tensor:
        tf.py_function(lambda x: seen.append(x.numpy()), [tf.gather(classes, rows)], [])
        return tf.constant(1.0)

    monkeypatch.setattr(Fitter, "_step", record)
    fitter = Fitter(_plain, SHAPE, 3, merge_remainder=merge)
    positions = np.arange(count)  # in the place of classes
    loss = fitter.fit(np.zeros((count, *SHAPE)), positions, 2, weight_decay=1.0, seed=4)
    assert loss == 1.0
    assert [len(batch) for batch in seen] == expected * 2
    epochs = np.split(np.concatenate(seen), 2)
    for epoch in epochs:
        assert sorted(epoch) == positions.tolist(), "every image once"
    if count > 5:
        assert (epochs[0] != epochs[1]).any()
        assert (epochs[0] != positions).any()


def test_nothing_is_traced_again_when_labels_are_added(fitter: Fitter) -> None:
    for count in (5, 20, 130, 300):
        _weights(fitter, count, seed=count, epochs=1)
    assert fitter._run.experimental_get_tracing_count() == 1


def _by_hand(images: np.ndarray, classes: np.ndarray, seed: int) -> tuple[float, np.ndarray]:
    """Cross-entropy of `_plain` with a seed's weights, and the first kernel."""
    kernel, bias, readout, last = _plain(SHAPE, 3, seed).get_weights()
    hidden = np.maximum(images.reshape(len(images), -1) / 255 @ kernel + bias, 0)
    odds = np.exp(hidden @ readout + last)
    probs = odds / odds.sum(axis=1, keepdims=True)
    return float(-np.log(probs[np.arange(len(classes)), classes]).mean()), kernel


@pytest.mark.parametrize("weight_decay", [0.0, 2.5, 10.0])
def test_the_loss_by_hand(weight_decay: float) -> None:
    images, classes = _data(12)
    cross_entropy, kernel = _by_hand(images, classes, seed=3)
    loss = Fitter(_plain, SHAPE, 3).fit(images, classes, 1, weight_decay, seed=3)
    expected = cross_entropy + weight_decay / 12 * np.square(kernel).sum()
    assert loss == pytest.approx(expected, rel=1e-5)


class _Recorder:
    """An optimizer that keeps the gradients."""

    def apply(self, gradients: list[tf.Tensor], variables: list[keras.Variable]) -> None:
        del variables
        self.gradients = [gradient.numpy() for gradient in gradients]


def test_the_penaltys_gradient_by_hand() -> None:
    fitter = Fitter(_plain, SHAPE, 3)
    images, classes = _data(12)
    kernel = fitter.network.get_weights()[0]
    gradients = []
    for penalty in (0.0, 0.3):
        fitter._optimizer = _Recorder()
        arguments = images.astype(np.float32), classes, np.arange(12), np.float32(penalty)
        others = tf.ones(3), tf.zeros([0, *SHAPE], tf.uint8), tf.constant([0, 0], tf.int64)
        fitter._step(*map(tf.constant, arguments), *others)
        gradients.append(fitter._optimizer.gradients)
    without, penalised = gradients
    np.testing.assert_allclose(penalised[0] - without[0], 0.6 * kernel, atol=1e-6)
    for one, other in zip(without[1:], penalised[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
        assert np.abs(one).max() > 1e-4


def _with_regularizer(image_shape: tuple, num_classes: int, seed: int) -> keras.Model:
    plain = _plain(image_shape, num_classes, seed)
    last = plain.layers[-1].get_config() | {"kernel_regularizer": keras.regularizers.L2(0.5)}
    body = [keras.Input(image_shape), *plain.layers[:-1]]
    return keras.Sequential([*body, layers.Dense.from_config(last)])


@pytest.mark.parametrize("size", [1, 2])
def test_a_regularizer_of_the_networks_own_counts(size: int) -> None:
    images, classes = _data(12)
    plain, own = (
        Fitter(f if size == 1 else ensemble.ensemble(f, size), SHAPE, 3)
        for f in (_plain, _with_regularizer)
    )
    squares = [
        np.square(member.layers[-1].kernel).sum() for member in ensemble.members(own._make(3))
    ]
    losses = [fitter.fit(images, classes, 1, 0.0, seed=3) for fitter in (plain, own)]
    assert losses[1] - losses[0] == pytest.approx(0.5 * np.mean(squares), rel=1e-4)


def test_the_only_dense_layer_is_not_decayed() -> None:
    fits = [
        Fitter(_softmax_only, SHAPE, 3).fit(*_data(12), 1, weight_decay, seed=0)
        for weight_decay in (0.0, 10.0)
    ]
    # All kernels are ones, so all classes are equally likely.
    assert fits == pytest.approx([np.log(3)] * 2, rel=1e-5)


def test_the_first_step_is_adams() -> None:
    fitter = Fitter(_plain, SHAPE, 3, learning_rate=0.01)
    fitter.fit(*_data(12), epochs=1, weight_decay=1.0, seed=3)
    before, after = _plain(SHAPE, 3, 3).get_weights()[0], fitter.network.get_weights()[0]
    # Adam's first step is the learning rate in the direction of the gradient's sign.
    np.testing.assert_allclose(np.abs(after - before), 0.01, rtol=1e-2)


def test_training_learns(fitter: Fitter) -> None:
    images, classes = _data(60)
    losses = [fitter.fit(images, classes, epochs, 0.1, seed=0) for epochs in (1, 30, 200)]
    assert losses[0] > 1.1 * losses[1] > 1.5 * losses[2]
    new_images, new_classes = _data(200, seed=1)
    probs = fitter.network(new_images, training=False).numpy()
    assert (probs.argmax(axis=1) == new_classes).mean() > 0.9


def test_dropout_is_on_in_training() -> None:
    fitter = Fitter(_network, SHAPE, 3)
    with_dropout = fitter.fit(*_data(40), 1, 0.0, seed=0)
    without = Fitter(lambda *args: _network(*args, rate=0.0), SHAPE, 3).fit(
        *_data(40), 1, 0.0, 0
    )
    assert abs(with_dropout - without) > 1e-3


def test_mixed_precision_keeps_weights_and_probabilities_in_float32() -> None:
    images, classes = _data(40)
    policy = keras.config.dtype_policy()
    losses = {}
    for name in ("float32", "mixed_bfloat16"):
        fitter = Fitter(bayesian_cnn, (12, 12, 1), 3, dtype_policy=name)
        resized = np.repeat(np.repeat(images, 3, axis=1), 3, axis=2)
        losses[name] = fitter.fit(resized, classes, epochs=8, weight_decay=1.0, seed=3)
    assert keras.config.dtype_policy() == policy
    *hidden, last = fitter.network.layers
    assert {layer.compute_dtype for layer in hidden} == {"bfloat16"}
    assert last.compute_dtype == "float32"
    assert {variable.dtype for variable in fitter.network.weights} == {"float32"}
    assert losses["mixed_bfloat16"] == pytest.approx(losses["float32"], rel=0.2)
    assert losses["mixed_bfloat16"] != losses["float32"]
    exact, fast = (
        predictive_statistics(fitter.network, resized, 200, 0, posterior)
        for posterior in ("mc_dropout", "gaussian_dropout")
    )
    np.testing.assert_allclose(exact.mean_probs.sum(axis=1), 1, atol=1e-5)
    assert np.abs(fast.mean_probs - exact.mean_probs).max() < 0.1


def _vat(steps_batch: int = 16, count: int = 60) -> Fitter:
    """A fitter that learns from unlabelled images, too."""
    term = Consistency(_data(count, seed=2)[0], 1.0, steps_batch)
    return Fitter(_network, SHAPE, 3, consistency=term, augmentation=("shift",))


def test_a_fit_with_unlabelled_images_is_by_its_seed_alone() -> None:
    fitter = _vat()
    first = _weights(fitter, 40, seed=5)
    other = _weights(fitter, 20, seed=6, epochs=7)
    assert _equal(_weights(fitter, 40, seed=5), first)
    assert _equal(_weights(_vat(), 40, seed=5), first)
    assert not _equal(other, first)
    assert not _equal(_weights(Fitter(_network, SHAPE, 3), 40, seed=5), first)
    assert fitter._run.experimental_get_tracing_count() == 1


def test_other_unlabelled_images_make_other_weights() -> None:
    assert not _equal(
        _weights(_vat(count=60), 40, seed=5), _weights(_vat(count=50), 40, seed=5)
    )


@pytest.mark.parametrize(("steps", "expected"), [(0, 6), (6, 6), (7, 8), (40, 40), (41, 42)])
def test_epochs_are_added_until_there_are_so_many_steps(steps: int, expected: int) -> None:
    fitter = Fitter(_plain, SHAPE, 3)
    fitter.fit(*_data(200), epochs=3, weight_decay=1.0, seed=0, steps=steps)  # 2 batches
    assert int(fitter._optimizer.iterations) == expected


def test_class_weights_by_hand() -> None:
    images, classes = _data(12)
    weights = np.array([0.5, 0.0, 2.0])
    given = Fitter(_plain, SHAPE, 3).fit(images, classes, 1, 0.0, 3, class_weights=weights)
    each = [_by_hand(images[[row]], classes[[row]], 3)[0] for row in range(12)]
    assert given == pytest.approx((np.array(each) * weights[classes]).mean(), rel=1e-5)


def test_images_are_changed_in_training_alone() -> None:
    weights = [
        _weights(Fitter(_plain, SHAPE, 3, augmentation=kinds), 40, seed=5)
        for kinds in ((), ("flip",), ("flip",))
    ]
    assert _equal(weights[1], weights[2])
    assert not _equal(weights[0], weights[1])


def test_the_rate_falls_to_0_over_the_second_half() -> None:
    rates = []

    def rate_of(falls: bool) -> Fitter:
        return Fitter(_plain, SHAPE, 3, learning_rate=0.1, batch_size=20, rate_falls=falls)

    def fit(fitter: Fitter, epochs: int) -> list[np.ndarray]:
        fitter.fit(*_data(40), epochs=epochs, weight_decay=1.0, seed=5)
        rates.append(float(fitter._optimizer.learning_rate))
        return fitter.network.get_weights()

    falls, stays = rate_of(True), rate_of(False)
    fit(falls, 5), fit(falls, 50), fit(stays, 50)
    # The last of 10 and of 100 steps, with a tenth and a hundredth of them left.
    np.testing.assert_allclose(rates, [0.1 * 2 / 10, 0.1 * 2 / 100, 0.1], rtol=1e-6)
    # One step is the first half, and no later one is taken.
    one = {"batch_size": 40, "learning_rate": 0.1}
    pair = [Fitter(_plain, SHAPE, 3, **one, rate_falls=flag) for flag in (True, False)]
    assert _equal(*(fit(fitter, 1) for fitter in pair))
    assert not _equal(*(fit(fitter, 4) for fitter in pair))
