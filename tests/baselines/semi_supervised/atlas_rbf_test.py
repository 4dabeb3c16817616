"""AtlasRBF on digits: beats chance, says what it is, resumes, refuses bad input."""

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised import atlas_rbf
from dbal_tf.baselines.semi_supervised.atlas_rbf import AtlasRbf
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.core import InputError
from dbal_tf.datasets import digits


@pytest.fixture(scope="module")
def given():
    """100 labelled digits, 1000 without labels, 100 for validation."""
    train, classes = digits.load("").train.images, digits.load("").train_classes
    labelled = LabelledImages(train[:100], classes[:100])
    return labelled, train[200:], LabelledImages(train[100:200], classes[100:200])


@pytest.fixture(scope="module")
def test_images():
    data = digits.load("")
    return LabelledImages(data.test.images, data.test_classes)


@pytest.fixture(scope="module")
def fitted(given):
    return AtlasRbf.tiny().fit(*given, seed=0, session=Session())


def test_tiny_learns_digits(fitted, test_images):
    assert error(fitted, test_images) < 0.3
    probs = fitted.predict_probs(test_images.images[:5])
    assert probs.shape == (5, 10)
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_output_says_that_it_is_a_reconstruction(given):
    said = []
    AtlasRbf.tiny().fit(*given, seed=0, session=Session(say=said.append))
    assert any("reconstruction from a partial description" in line for line in said)
    assert "reconstruction" in AtlasRbf.__doc__


def test_blocks_change_nothing(fitted, test_images, monkeypatch):
    whole = fitted.predict_probs(test_images.images[:20])
    monkeypatch.setattr(atlas_rbf, "_BLOCK", 7)
    np.testing.assert_allclose(fitted.predict_probs(test_images.images[:20]), whole, atol=1e-6)


def test_stopped_fit_ends_as_one_that_was_not(
    given, fitted, test_images, tmp_path, monkeypatch
):
    session = Session(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(AtlasRbf, "_choose", _stop)
        with pytest.raises(KeyboardInterrupt):
            AtlasRbf.tiny().fit(*given, seed=0, session=session)
    monkeypatch.setattr(atlas_rbf, "learn_atlas", _stop)  # The charts are kept.
    resumed = AtlasRbf.tiny().fit(*given, seed=0, session=session)
    np.testing.assert_array_equal(
        resumed.predict_probs(test_images.images), fitted.predict_probs(test_images.images)
    )


def _stop(*_):
    raise KeyboardInterrupt


def test_class_without_labels_is_refused(given):
    labelled, unlabelled, validation = given
    rows = labelled.classes != 4
    some = LabelledImages(labelled.images[rows], labelled.classes[rows])
    with pytest.raises(InputError, match="Class 4 has no labelled image"):
        AtlasRbf.tiny().fit(some, unlabelled, validation, seed=0, session=Session())


def test_one_class_is_refused(given):
    labelled, unlabelled, validation = given
    one = LabelledImages(labelled.images, np.zeros_like(labelled.classes))
    with pytest.raises(InputError, match="two classes at least"):
        AtlasRbf.tiny().fit(one, unlabelled, validation, seed=0, session=Session())


def test_too_few_unlabelled_images_are_refused(given):
    labelled, unlabelled, validation = given
    with pytest.raises(InputError, match="20 unlabelled images"):
        AtlasRbf.tiny().fit(labelled, unlabelled[:20], validation, seed=0, session=Session())


def test_too_few_pixels_are_refused():
    classes = np.arange(90) % 2
    images = np.zeros((90, 2, 2, 1), np.uint8)
    part = LabelledImages(images, classes)
    with pytest.raises(InputError, match="4 values"):
        AtlasRbf.tiny().fit(part, images, part, 0, Session())


def test_two_classes_of_colour_images():
    rng = np.random.default_rng(0)
    classes = np.arange(240) % 2
    images = rng.integers(0, 100, (240, 4, 5, 3)) + 100 * classes[:, None, None, None]
    parts = [LabelledImages(images[i::3].astype(np.uint8), classes[i::3]) for i in range(3)]
    predictor = AtlasRbf.tiny().fit(parts[0], parts[1].images, parts[2], 0, Session())
    assert predictor.predict_probs(parts[1].images).shape == (80, 2)
    assert error(predictor, parts[1]) < 0.05
