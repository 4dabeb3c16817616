"""M1 + M2 on digits: beats chance, resumes, refuses bad input; the loss by hand."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import dgn, dgn_bounds
from dbal_tf.baselines.semi_supervised.dgn import Dgn, Phase, m2_loss
from dbal_tf.baselines.semi_supervised.dgn_bounds import M1, M2
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.core import InputError
from dbal_tf.datasets import digits


class Stopping(Session):
    """Trains a step at a time, with a checkpoint after each, until it is stopped."""

    def __init__(self, folder, part, step):
        super().__init__(folder, every=0)
        self._part, self._step = part, step

    def train(self, name, steps, run, state, chunk=1):
        def stopping(first, last):
            measures = run(first, last)  # Work that is lost must be done again alike.
            if (name, first) == (self._part, self._step):
                raise KeyboardInterrupt
            return measures

        super().train(name, steps, stopping, state, chunk=1)


@pytest.fixture(scope="module")
def given():
    """100 labelled digits, 1000 without labels, 100 for validation."""
    train, classes = digits.load("").train.images, digits.load("").train_classes
    labelled = LabelledImages(train[:100], classes[:100])
    return labelled, train[200:], LabelledImages(train[100:200], classes[100:200])


@pytest.fixture(scope="module")
def short():
    """Of a few steps, each of which changes something."""
    phases = {"phase1": Phase(5, 20, 1e-3, 1e-4), "phase2": Phase(5, 20, 1e-3, 1e-4)}
    return dataclasses.replace(Dgn.tiny(), **phases)


@pytest.fixture(scope="module")
def straight(given, short):
    return short.fit(*given, seed=0, session=Session()).predict_probs(given[1])


def test_tiny_learns_digits(given):
    data, seen = digits.load(""), []
    session = Session(log=lambda name, measures, step: seen.append((name, dict(measures))))
    predictor = Dgn.tiny().fit(*given, seed=0, session=session)
    assert error(predictor, LabelledImages(data.test.images, data.test_classes)) < 0.4
    probs = predictor.predict_probs(data.test.images[:5])
    assert probs.shape == (5, 10)
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    for part in ("dgn_m1", "dgn_m2"):
        losses = [measures["loss"] for name, measures in seen if name == part]
        assert losses[-1] < losses[0]


@pytest.mark.parametrize(("part", "step"), [("dgn_m1", 3), ("dgn_m2", 0), ("dgn_m2", 2)])
def test_stopped_fit_ends_as_one_that_was_not(given, short, straight, tmp_path, part, step):
    with pytest.raises(KeyboardInterrupt):
        short.fit(*given, seed=0, session=Stopping(tmp_path, part, step))
    resumed = short.fit(*given, seed=0, session=Stopping(tmp_path, "", 0))
    np.testing.assert_array_equal(resumed.predict_probs(given[1]), straight)


def test_other_seed_gives_another_predictor(given, short, straight):
    other = short.fit(*given, seed=1, session=Session()).predict_probs(given[1])
    assert not np.allclose(other, straight)


def test_loss_by_hand(monkeypatch):
    monkeypatch.setattr(dgn_bounds, "_SPREAD", 0.3)
    m2 = M2(3, (4,), 2, num_classes=2, seed=0)
    rng = np.random.default_rng(0)
    x, noise_l, x_u, noise_u = (
        tf.constant(rng.normal(size=shape), tf.float32)
        for shape in [(4, 3), (4, 2), (6, 3), (6, 2)]
    )
    onehot = tf.one_hot([0, 1, 1, 0], 2)
    log_probs = tf.nn.log_softmax(m2.classifier(x)).numpy()
    chosen = log_probs[np.arange(4), [0, 1, 1, 0]]
    expected = (
        -0.25 * np.mean(m2.bound(x, onehot, noise_l))
        - 0.75 * np.mean(m2.marginalised_bound(x_u, noise_u))
        - 0.1 * chosen.mean()
    )
    found = m2_loss(m2, (x, onehot, noise_l), (x_u, noise_u), share=0.25, alpha=0.1)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_blocks_change_nothing(given, monkeypatch):
    m1 = M1(784, (8,), 3, seed=0)
    whole = dgn.encode(m1, given[1][:50])
    monkeypatch.setattr(dgn, "_BLOCK", 7)
    for one, other in zip(dgn.encode(m1, given[1][:50]), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_class_without_labels_is_refused(given, short):
    labelled, unlabelled, validation = given
    rows = labelled.classes != 4
    some = LabelledImages(labelled.images[rows], labelled.classes[rows])
    with pytest.raises(InputError, match="Class 4 has no labelled image"):
        short.fit(some, unlabelled, validation, seed=0, session=Session())


def test_fewer_unlabelled_images_than_a_batch_are_refused(given, short):
    labelled, unlabelled, validation = given
    with pytest.raises(InputError, match="19 unlabelled images"):
        short.fit(labelled, unlabelled[:19], validation, seed=0, session=Session())
