import itertools
import types

import numpy as np
import pytest

from dbal_tf.artifacts import Labels, Model
from dbal_tf.components import trainer as trainer_module
from dbal_tf.components.trainer import WEIGHT_DECAYS, Trainer, is_choice_due


@pytest.fixture(scope="module")
def trainer():
    return Trainer("bayesian_cnn", 30, batch_size=8, learning_rate=3e-3, remainder="merge")


@pytest.fixture(scope="module")
def labels(toy):
    return toy.hidden.first(30)


def _weights(model):
    return [weights.copy() for weights in model.network.get_weights()]


def test_it_learns_what_the_labels_say(trainer, toy, labels):
    model = trainer.run(toy, labels, weight_decay=0.1, seed=0)
    assert (model.num_labels, model.weight_decay, model.seed) == (30, 0.1, 0)
    probs = np.asarray(model.network(toy.test.images.astype(np.float32), training=False))
    assert (probs.argmax(axis=1) == toy.test_labels.classes).mean() > 0.9


def test_labels_go_with_their_ids_not_with_their_place(trainer, toy, labels):
    order = np.argsort(labels.ids)[::-1]
    turned = Labels(labels.ids[order], (labels.classes[order] + 1) % 3)
    model = trainer.run(toy, turned, weight_decay=0.1, seed=0)
    probs = np.asarray(model.network(toy.test.images.astype(np.float32), training=False))
    assert (probs.argmax(axis=1) == (toy.test_labels.classes + 1) % 3).mean() > 0.9


def test_every_training_is_from_scratch_and_by_its_seed_alone(trainer, toy, labels):
    first = _weights(trainer.run(toy, labels, 0.1, seed=1))
    other = _weights(trainer.run(toy, labels.first(20), 0.1, seed=2))
    again = _weights(trainer.run(toy, labels, 0.1, seed=1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_the_network_is_made_once(trainer, toy, labels):
    one, two = (trainer.run(toy, labels.first(9), 0.1, seed) for seed in (1, 2))
    assert one.network is two.network


def test_weight_decay_keeps_the_dense_layer_small(trainer, toy, labels):
    def size(weight_decay):
        network = trainer.run(toy, labels, weight_decay, seed=0).network
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
def test_the_weight_decay_of_the_least_validation_nll_is_chosen(toy, monkeypatch, best):
    def fit(self, dataset, labels, weight_decay, seed):
        return Model(weight_decay, len(labels), weight_decay, seed)

    seen = []
    nll_of = {decay: 0.5 + abs(decay - best) / 10 for decay in WEIGHT_DECAYS}
    monkeypatch.setattr(Trainer, "run", fit)
    monkeypatch.setattr(trainer_module, "predictor_for", _predictor(nll_of, seen))
    trainer = Trainer("bayesian_cnn", 1, 8, 1e-3, "merge")
    validation = Labels(toy.train.ids[:9], np.arange(9) % 3)
    chosen = trainer.choose_weight_decay(
        toy, toy.hidden.first(12), validation, "mc_dropout", num_samples=7, seed=3
    )
    assert chosen == best
    assert seen == [("mc_dropout", (9, 8, 8, 1), 7, 3)] * len(WEIGHT_DECAYS)


def test_the_kernel_size_reaches_the_network(toy):
    for size in (2, 3):
        trainer = Trainer("bayesian_cnn", 1, 8, 1e-3, "merge", size)
        model = trainer.run(toy, toy.hidden.first(6), 0.0, seed=0)
        assert model.network.layers[1].kernel.shape[:2] == (size, size)


def test_the_initializer_reaches_the_network(toy):
    for name, limit in (("glorot_uniform", 0.1066), ("early_keras", 0.3536)):
        trainer = Trainer("bayesian_cnn", 0, 8, 1e-3, "merge", initializer=name)
        model = trainer.run(toy, toy.hidden.first(6), 0.0, seed=0)
        assert np.abs(model.network.layers[1].kernel).max() == pytest.approx(limit, rel=0.02)


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
