import dataclasses
import itertools
import types

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from dbal_tf.artifacts import Examples, Labels, Model
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components import trainer as trainer_module
from dbal_tf.components.trainer import WEIGHT_DECAYS, Trainer, balanced_weights, is_choice_due
from dbal_tf.config import Config
from dbal_tf.core import InputError


@pytest.fixture(scope="module")
def trainer():
    return Trainer(bayesian_cnn, 30, batch_size=8, learning_rate=3e-3, remainder="merge")


@pytest.fixture(scope="module")
def fitter(trainer, toy):
    return trainer.fitter(toy)


@pytest.fixture(scope="module")
def labels(toy):
    return toy.hidden.first(30)


def _weights(model):
    return [weights.copy() for weights in model.network.get_weights()]


def test_it_learns_what_the_labels_say(trainer, fitter, toy, labels):
    model = trainer.run(fitter, toy, labels, weight_decay=0.1, seed=0)
    assert (model.num_labels, model.weight_decay, model.seed) == (30, 0.1, 0)
    probs = np.asarray(model.network(toy.test.images.astype(np.float32), training=False))
    assert (probs.argmax(axis=1) == toy.test_labels.classes).mean() > 0.9


def test_labels_go_with_their_ids_not_with_their_place(trainer, fitter, toy, labels):
    order = np.argsort(labels.ids)[::-1]
    turned = Labels(labels.ids[order], (labels.classes[order] + 1) % 3)
    model = trainer.run(fitter, toy, turned, weight_decay=0.1, seed=0)
    probs = np.asarray(model.network(toy.test.images.astype(np.float32), training=False))
    assert (probs.argmax(axis=1) == (toy.test_labels.classes + 1) % 3).mean() > 0.9


def test_every_training_is_from_scratch_and_by_its_seed_alone(trainer, fitter, toy, labels):
    first = _weights(trainer.run(fitter, toy, labels, 0.1, seed=1))
    other = _weights(trainer.run(fitter, toy, labels.first(20), 0.1, seed=2))
    again = _weights(trainer.run(fitter, toy, labels, 0.1, seed=1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_the_network_is_made_once_by_each_fitter_and_kept_by_no_trainer(
    trainer, fitter, toy, labels
):
    one, two = (trainer.run(fitter, toy, labels.first(9), 0.1, seed) for seed in (1, 2))
    assert one.network is two.network is fitter.network
    before = vars(trainer).copy()
    assert trainer.fitter(toy).network is not fitter.network
    assert vars(trainer) == before


def test_weight_decay_keeps_the_dense_layer_small(trainer, fitter, toy, labels):
    def size(weight_decay):
        network = trainer.run(fitter, toy, labels, weight_decay, seed=0).network
        kernel = next(x.kernel for x in network.layers if hasattr(x, "units"))
        return float(np.square(kernel).sum())

    assert size(10.0) < 0.8 * size(0.0)


def _predictor(nll_of, seen):
    """Stands for a predictor whose validation likelihood depends on the weight decay."""

    def predictor_for(network, posterior):
        def statistics(images, num_samples, seed):
            seen.append((posterior, images.shape, num_samples, seed))
            true = np.exp(-nll_of[network])
            probs = np.full((len(images), 3), (1 - true) / 2)
            probs[np.arange(len(images)), np.arange(len(images)) % 3] = true
            return types.SimpleNamespace(mean_probs=probs)

        return types.SimpleNamespace(statistics=statistics)

    return predictor_for


@pytest.mark.parametrize("best", WEIGHT_DECAYS)
@pytest.mark.parametrize(
    ("before", "tried"),
    [
        (None, WEIGHT_DECAYS),
        (WEIGHT_DECAYS[0], WEIGHT_DECAYS[:2]),
        (WEIGHT_DECAYS[2], WEIGHT_DECAYS[1:4]),
        (WEIGHT_DECAYS[-1], WEIGHT_DECAYS[-2:]),
    ],
)
def test_the_weight_decay_of_the_least_validation_nll_is_chosen(
    toy, monkeypatch, best, before, tried
):
    def fit(self, fitter, dataset, labels, weight_decay, seed, validation):
        assert (fitter, len(validation)) == ("the fitter", 9)
        return Model(weight_decay, len(labels), weight_decay, seed)

    seen = []
    nll_of = {decay: 0.5 + abs(decay - best) / 10 for decay in WEIGHT_DECAYS}
    monkeypatch.setattr(Trainer, "run", fit)
    monkeypatch.setattr(trainer_module, "predictor_for", _predictor(nll_of, seen))
    trainer = Trainer(bayesian_cnn, 1, 8, 1e-3, "merge", num_samples=7)
    validation = Labels(toy.train.ids[:9], np.arange(9) % 3)
    chosen = trainer.choose_weight_decay(
        "the fitter", toy, toy.hidden.first(12), validation, 3, before
    )
    assert chosen == min(tried, key=nll_of.__getitem__)
    assert seen == [("mc_dropout", (9, 8, 8, 1), 7, 3)] * len(tried)


def _initial_kernel(toy, **settings):
    """The first kernel of a network that a fitter has made and not yet trained."""
    return Trainer.from_config(Config(**settings)).fitter(toy).network.layers[1].kernel


def test_the_kernel_size_reaches_the_network(toy):
    for size in (2, 3):
        assert _initial_kernel(toy, kernel_size=size).shape[:2] == (size, size)


def test_the_initializer_reaches_the_network(toy):
    for name, limit in (("glorot_uniform", 0.1066), ("early_keras", 0.3536)):
        kernel = _initial_kernel(toy, initializer=name)
        assert np.abs(kernel).max() == pytest.approx(limit, rel=0.02)


def test_the_settings_of_the_training_reach_the_fitter(toy, monkeypatch):
    made = []
    monkeypatch.setattr(trainer_module, "Fitter", lambda *given: made.append(given))
    for changes in (
        {"batch_size": 7, "learning_rate": 0.02},
        {"remainder": "keep", "mixed_precision": True, "augment": ("flip",)},
    ):
        Trainer.from_config(Config(**changes)).fitter(toy)
    assert [given[1:] for given in made] == [
        ((8, 8, 1), 3, 0.02, 7, True, "float32", None, (), False),
        ((8, 8, 1), 3, 1e-3, 128, False, "mixed_bfloat16", None, ("flip",), False),
    ]


def test_epochs_are_those_of_the_trainer(toy, labels):
    given = []
    fitter = types.SimpleNamespace(network="net", fit=lambda *each: given.append(each[2:]))
    model = Trainer.from_config(Config(epochs=6, steps="70")).run(
        fitter, toy, labels, 0.5, seed=9
    )
    assert given == [(6, 0.5, 9, 70, None, None)]
    assert vars(model) == vars(Model("net", 30, 0.5, 9))


def test_auto_has_a_number_of_steps_and_ends_earlier_by_validation(toy, labels, fitter):
    given, calls = [], []

    def fit(*each):
        given.append(each[5:8:2])
        if each[7] is not None:
            for number in range(1000):
                calls.append(number)
                each[7]()

    network = fitter.network
    stub = types.SimpleNamespace(network=network, fit=fit)
    auto = Trainer.from_config(Config(steps="auto"))
    auto.run(stub, toy, labels, 0.5, seed=9)
    auto.run(stub, toy, labels, 0.5, seed=9, validation=labels.first(0))
    linear = Trainer.from_config(Config(steps="auto", learning_rate_schedule="linear"))
    linear.run(stub, toy, labels, 0.5, seed=9, validation=toy.hidden.first(5))
    assert given == [(700, None)] * 3, "a rate that falls is not cut off"
    # The loss never changes, so that an exception ends the thousand calls soon.
    before = network.get_weights()
    auto.run(stub, toy, labels, 0.5, seed=9, validation=toy.hidden.first(5))
    assert given[-1][0] == 700
    assert len(calls) == 21
    assert all(map(np.array_equal, before, network.get_weights()))


def test_a_choice_without_validation_labels_is_refused(trainer, fitter, toy, labels):
    with pytest.raises(InputError, match=r"No validation image has a label.*--weight_decay"):
        trainer.choose_weight_decay(fitter, toy, labels, labels.first(0), seed=0)


def test_a_network_of_ones_own_takes_the_place_of_the_named_one(toy):
    def own(image_shape, num_classes, seed):
        return bayesian_cnn(image_shape, num_classes, seed, kernel_size=1)

    fitter = Trainer.from_config(Config(), own).fitter(toy)
    assert fitter.network.layers[1].kernel.shape[:2] == (1, 1)
    with pytest.raises(InputError, match=r"--model=nowhere\.module:function"):
        Trainer.from_config(Config(model="nowhere.module:function"))


def test_the_weight_decay_is_chosen_at_20_100_and_500_labels():
    counts = list(range(20, 1001, 10))
    due = [20] if is_choice_due(20, None, 20) else []
    due += [now for before, now in itertools.pairwise(counts) if is_choice_due(20, before, now)]
    assert due == [20, 100, 500]


def test_a_choice_that_a_large_query_steps_over_is_made_after_it():
    assert is_choice_due(20, 70, 120)
    assert not is_choice_due(20, 120, 170)
    assert is_choice_due(20, 20, 600)
    assert not is_choice_due(20, 600, 1000)


def test_vat_is_given_the_images_that_are_neither_validation_nor_test(toy, monkeypatch):
    given = []
    monkeypatch.setattr(trainer_module, "Fitter", lambda *each: given.append(each[7]))
    config = Config(trainer="vat", steps="9", unlabelled_batch=9, vat_epsilon=0.5)
    Trainer.from_config(config).fitter(toy)
    (term,) = given
    ids = np.concatenate([toy.splits.initial_ids, toy.splits.pool_ids])
    np.testing.assert_array_equal(term.images, toy.train.select(ids).images)
    assert not set(ids) & {*toy.splits.validation_ids, *toy.test.ids}
    assert (term.epsilon, term.batch_size) == (0.5, 9)


@pytest.mark.parametrize(
    ("settings", "falls"),
    [
        ({}, False),
        ({"trainer": "vat", "steps": "9"}, True),
        ({"learning_rate_schedule": "linear"}, True),
    ],
)
def test_the_learning_rate_falls_if_it_is_asked_to_or_has_to(toy, monkeypatch, settings, falls):
    given = []
    monkeypatch.setattr(trainer_module, "Fitter", lambda *each: given.append(each[9]))
    Trainer.from_config(Config(**settings)).fitter(toy)
    assert given == [falls]


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"trainer": "vat", "steps": "9"}, "--trainer=vat"),
        ({"augment": ("flip", "shift")}, "--augment=flip,shift"),
    ],
)
def test_features_are_no_images(settings, flag):
    features = types.SimpleNamespace(image_shape=(1, 1, 64), class_names=("a", "b"))
    with pytest.raises(InputError, match=rf"{flag} got features of shape \(1, 1, 64\)"):
        Trainer.from_config(Config(**settings)).fitter(features)


def test_images_that_are_too_small_for_the_network(toy):
    Trainer.from_config(Config(kernel_size=2)).check(toy)
    small = types.SimpleNamespace(image_shape=(7, 7, 1), class_names=("a", "b"))
    with pytest.raises(InputError) as error:
        Trainer.from_config(Config()).check(small)
    assert str(error.value).startswith(
        "The network cannot be built for images of 7 x 7 pixels in 1 channels: Computed output "
        "size would be zero or negative."
    )
    assert str(error.value).endswith(" Use other images, --image_size or --model.")


def _without_dropout(
    image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> keras.Model:
    softmax = keras.layers.Dense(num_classes, "softmax")
    # Laplace's posterior needs the softmax at the end.
    last = keras.layers.Rescaling(1.0)
    return keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), softmax, last])


@pytest.mark.parametrize("posterior", ["mc_dropout", "gaussian_dropout", "laplace"])
def test_a_network_without_the_posterior_is_refused_before_it_is_trained(toy, posterior):
    config = Config(posterior=posterior)
    Trainer.from_config(config, bayesian_cnn).check(toy)
    with pytest.raises(InputError, match=r"^Model '"):
        Trainer.from_config(config, _without_dropout).check(toy)


def test_balanced_weights_are_those_of_scikit_learn():
    classes = np.array([0] * 6 + [2] * 3 + [3])
    weights = balanced_weights(classes, 5)
    np.testing.assert_allclose(weights, [10 / 18, 0, 10 / 9, 10 / 3, 0])
    present = np.unique(classes)
    expected = compute_class_weight("balanced", classes=present, y=classes)
    np.testing.assert_allclose(weights[present], expected)


def test_class_weights_reach_the_fit(toy, labels):
    given = []
    fitter = types.SimpleNamespace(network="net", fit=lambda *each: given.append(each[6]))
    for name in ("none", "balanced"):
        Trainer.from_config(Config(class_weights=name)).run(fitter, toy, labels, 0.5, seed=9)
    assert given[0] is None
    np.testing.assert_allclose(given[1], balanced_weights(labels.classes, 3))


def test_a_class_is_learnt_from_flipped_too(toy, labels, monkeypatch):
    trainer = Trainer(bayesian_cnn, 30, 8, 3e-3, "merge", flip_classes=("high",))
    given = types.SimpleNamespace(network=None, fit=lambda *args: fits.append(args))
    fits = []
    assert trainer.run(given, toy, labels, weight_decay=0.4, seed=0).num_labels == 30
    [(images, classes, _, decay, *_)] = fits
    assert np.bincount(classes).tolist() == [10, 10, 40]
    assert decay == pytest.approx(0.4 * 60 / 30), "c/N, and N is the number of labels"
    plain = toy.train.select(labels.ids).images
    np.testing.assert_array_equal(images[:30], plain)
    rare = plain[labels.classes == 2]
    np.testing.assert_array_equal(images[30:40], rare[:, :, ::-1])
    np.testing.assert_array_equal(images[40:50], rare[:, ::-1])
    np.testing.assert_array_equal(images[50:], rare[:, ::-1, ::-1])


def test_without_a_label_of_the_class_nothing_is_flipped(toy):
    trainer = Trainer(bayesian_cnn, 30, 8, 3e-3, "merge", flip_classes=("high",))
    few = toy.hidden.first(2)
    images, classes = trainer._with_flips(toy, few)
    assert classes is few.classes
    assert len(images) == 2


def test_features_of_flips_are_taken_as_they_are(toy, labels):
    trainer = Trainer(bayesian_cnn, 30, 8, 3e-3, "merge", flip_classes=("low",))
    ids = toy.train.ids
    flips = tuple(Examples(ids, np.full((60, 8, 8, 1), k, np.uint8)) for k in (1, 2, 3))
    images, _ = trainer._with_flips(dataclasses.replace(toy, flips=flips), labels)
    assert np.unique(images[30:], axis=0)[:, 0, 0, 0].tolist() == [1, 2, 3]
