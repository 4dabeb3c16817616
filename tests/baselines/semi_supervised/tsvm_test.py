"""The transductive machine on digits: what it minimises, and what it keeps."""

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.baselines.semi_supervised.tsvm import Tsvm


@pytest.fixture(scope="module")
def logged(parts):
    """A fitted machine, and the measures of each of its rounds."""
    seen = []
    session = Session(log=lambda name, measures, step: seen.append(measures))
    return Tsvm.tiny().fit(*parts[:3], seed=0, session=session), seen


def test_kept_weights_are_the_best_on_validation(parts, logged):
    predictor, seen = logged
    assert error(predictor, parts.validation) <= min(m["validation_error"] for m in seen)


def test_objective_falls_within_each_stage(logged):
    system = Tsvm.tiny()
    stages = np.reshape([m["objective"] for m in logged[1]], (-1, system.rounds))
    assert len(stages) == len(system.costs) * len(system.path)
    assert np.diff(stages, axis=1).max() <= 0


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
