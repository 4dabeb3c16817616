"""The adversarial change against finite differences; fits of small images."""

import dataclasses

import pytest

from dbal_tf.baselines.semi_supervised import vat
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages
from dbal_tf.baselines.semi_supervised.vat import Vat

QUICK = dataclasses.replace(Vat.tiny(), units=(20,), steps=40)


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
