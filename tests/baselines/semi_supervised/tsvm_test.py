"""The transductive machine on digits: beats chance, resumes, refuses what it cannot use."""

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised import tsvm
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.baselines.semi_supervised.tsvm import Tsvm
from dbal_tf.core import InputError
from dbal_tf.datasets import digits


@pytest.fixture(scope="module")
def given():
    """100 labelled digits, 400 without labels, 100 for validation."""
    train, classes = digits.load("").train.images, digits.load("").train_classes
    labelled = LabelledImages(train[:100], classes[:100])
    return labelled, train[200:600], LabelledImages(train[100:200], classes[100:200])


@pytest.fixture(scope="module")
def test_images():
    data = digits.load("")
    return LabelledImages(data.test.images, data.test_classes)


@pytest.fixture(scope="module")
def logged(given):
    """A fitted machine, and the measures of each of its rounds."""
    seen = []
    session = Session(log=lambda name, measures, step: seen.append(measures))
    return Tsvm.tiny().fit(*given, seed=0, session=session), seen


@pytest.fixture(scope="module")
def fitted(logged):
    return logged[0]


def test_tiny_learns_digits(fitted, test_images):
    assert error(fitted, test_images) < 0.3
    probs = fitted.predict_probs(test_images.images[:5])
    assert probs.shape == (5, 10)
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_kept_weights_are_the_best_on_validation(given, logged):
    predictor, seen = logged
    assert error(predictor, given[2]) <= min(m["validation_error"] for m in seen)


def test_objective_falls_within_each_stage(logged):
    system = Tsvm.tiny()
    stages = np.reshape([m["objective"] for m in logged[1]], (-1, system.rounds))
    assert len(stages) == len(system.costs) * len(system.path)
    assert np.diff(stages, axis=1).max() <= 0


@pytest.mark.parametrize("stop", [0, 7])
def test_stopped_fit_ends_as_one_that_was_not(
    given, fitted, test_images, tmp_path, monkeypatch, stop
):
    rounds, real = [], tsvm.objective

    def stopping(*arguments):
        rounds.append(arguments)
        if len(rounds) == stop + 1:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(tsvm, "objective", stopping)
    with pytest.raises(KeyboardInterrupt):
        Tsvm.tiny().fit(*given, seed=0, session=Session(tmp_path, every=0))
    resumed = Tsvm.tiny().fit(*given, seed=0, session=Session(tmp_path, every=0))
    assert len(rounds) == 1 + 12  # No round that was kept is done again.
    np.testing.assert_array_equal(
        resumed.predict_probs(test_images.images), fitted.predict_probs(test_images.images)
    )


def test_class_without_labels_is_refused(given):
    labelled, unlabelled, validation = given
    rows = labelled.classes != 4
    some = LabelledImages(labelled.images[rows], labelled.classes[rows])
    with pytest.raises(InputError, match="Class 4 has no labelled image"):
        Tsvm.tiny().fit(some, unlabelled, validation, seed=0, session=Session())


def test_no_unlabelled_images_are_refused(given):
    labelled, unlabelled, validation = given
    with pytest.raises(InputError, match="0 unlabelled images"):
        Tsvm.tiny().fit(labelled, unlabelled[:0], validation, seed=0, session=Session())


def test_two_classes_of_colour_images():
    rng = np.random.default_rng(0)
    classes = np.arange(60) % 2
    images = rng.integers(0, 100, (60, 4, 5, 3)) + 100 * classes[:, None, None, None]
    parts = [LabelledImages(images[i::3].astype(np.uint8), classes[i::3]) for i in range(3)]
    predictor = Tsvm.tiny().fit(parts[0], parts[1].images, parts[2], 0, Session())
    assert error(predictor, parts[1]) == 0


@pytest.mark.parametrize("system", [Tsvm.faithful(), Tsvm.light()])
def test_schedules_have_the_margin_of_collobert(system):
    assert -1 < system.ramp <= 0
    assert list(system.path) == sorted(system.path)
