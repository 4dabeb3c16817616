"""The adversarial change against finite differences; fits of small images."""

import dataclasses

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised import vat
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.baselines.semi_supervised.vat import Vat
from dbal_tf.core import InputError

QUICK = dataclasses.replace(Vat.tiny(), units=(20,), steps=40)


def test_tiny_learns_the_digits(parts) -> None:
    predictor = Vat.tiny().fit(*parts[:3], 0, Session())
    probs = predictor.predict_probs(parts.test.images)
    assert probs.shape == (597, 10) and probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    # 0.20; with an epsilon of 0.001 it is 0.34, and that of the majority class is 0.9.
    assert error(predictor, parts.test) < 0.25


def test_epsilon_is_chosen_on_the_validation_images(
    parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(self: Vat, epsilon: float, *args: object) -> float:
        return epsilon

    def validate(fitted: float, images: LabelledImages) -> float:
        assert images is parts.validation
        return abs(fitted - 0.9)

    monkeypatch.setattr(Vat, "_train", train)
    monkeypatch.setattr(vat, "error", validate)
    session = Session()
    assert Vat(epsilons=(0.5, 1.0, 3.0)).fit(*parts[:3], 0, session) == 1.0
    assert session.chosen == {"epsilon": 1.0}


def test_labelled_images_are_learnt_as_they_are_predicted(skewed, losses) -> None:
    # With a rate of 0 the net stays as it is: its loss is that of its predictions, which are
    # normalised by the statistics of all images without changes.
    everything = len(skewed.unlabelled)
    system = dataclasses.replace(
        QUICK,
        epsilons=(1.5,),
        steps=1,
        rate=0.0,
        labelled_batch=everything,
        unlabelled_batch=everything,
    )
    learnt, predicted = losses(system)
    # By the labelled images' own statistics it would be 3.249, not 3.226 and 3.223.
    assert learnt == pytest.approx(predicted, rel=2e-3)


def test_a_killed_fit_goes_on_and_ends_equal_and_another_seed_does_not(
    parts, tmp_path, killed_session
) -> None:
    whole, other = (
        QUICK.fit(*parts[:3], seed, Session()).predict_probs(parts.test.images)
        for seed in (0, 1)
    )
    with pytest.raises(KeyboardInterrupt):
        QUICK.fit(*parts[:3], 0, killed_session(tmp_path, kill_at=20))
    resumed = killed_session(tmp_path)
    probs = QUICK.fit(*parts[:3], 0, resumed).predict_probs(parts.test.images)
    assert resumed.chunks == [(20, 30), (30, 40)]
    np.testing.assert_array_equal(whole, probs)
    assert np.abs(whole - other).max() > 0.01


def test_bad_input(parts) -> None:
    with pytest.raises(InputError, match=r"^99 unlabelled images were given; expected at"):
        QUICK.fit(parts.labelled, parts.unlabelled[:99], parts.validation, 0, Session())
    without = parts.labelled.classes != 3
    few = LabelledImages(parts.labelled.images[without], parts.labelled.classes[without])
    with pytest.raises(InputError, match=r"^Class 3 has no labelled image"):
        QUICK.fit(few, *parts[1:3], 0, Session())
