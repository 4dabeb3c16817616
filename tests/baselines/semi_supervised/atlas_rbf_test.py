"""AtlasRBF on digits: says what it is, keeps its charts, refuses bad input."""

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised import atlas_rbf
from dbal_tf.baselines.semi_supervised.atlas_rbf import AtlasRbf
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.core import InputError


@pytest.fixture(scope="module")
def fitted(parts):
    return AtlasRbf.tiny().fit(*parts[:3], seed=0, session=Session())


def test_output_says_that_it_is_a_reconstruction(parts):
    said = []
    AtlasRbf.tiny().fit(*parts[:3], seed=0, session=Session(say=said.append))
    assert any("reconstruction from a partial description" in line for line in said)
    assert "reconstruction" in AtlasRbf.__doc__


def test_blocks_change_nothing(fitted, parts, monkeypatch):
    whole = fitted.predict_probs(parts.test.images[:20])
    monkeypatch.setattr(atlas_rbf, "_BLOCK", 7)
    np.testing.assert_allclose(fitted.predict_probs(parts.test.images[:20]), whole, atol=1e-6)


def test_charts_are_kept(parts, fitted, tmp_path, monkeypatch):
    session = Session(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(AtlasRbf, "_choose", _stop)
        with pytest.raises(KeyboardInterrupt):
            AtlasRbf.tiny().fit(*parts[:3], seed=0, session=session)
    monkeypatch.setattr(atlas_rbf, "learn_atlas", _stop)
    resumed = AtlasRbf.tiny().fit(*parts[:3], seed=0, session=session)
    np.testing.assert_array_equal(
        resumed.predict_probs(parts.test.images), fitted.predict_probs(parts.test.images)
    )


def _stop(*_):
    raise KeyboardInterrupt


def test_one_class_is_refused(parts):
    labelled, unlabelled, validation, _ = parts
    one = LabelledImages(labelled.images, np.zeros_like(labelled.classes))
    with pytest.raises(InputError, match="two classes at least"):
        AtlasRbf.tiny().fit(one, unlabelled, validation, seed=0, session=Session())


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
