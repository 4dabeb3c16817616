"""Digits in the parts that a system is given."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages
from dbal_tf.datasets import digits


class Parts(NamedTuple):
    """What a fit takes, in its order, and images to test it with."""

    labelled: LabelledImages
    unlabelled: np.ndarray
    validation: LabelledImages
    test: LabelledImages


@pytest.fixture(scope="session")
def parts() -> Parts:
    """100 labelled digits, 1000 unlabelled, 100 for validation, 597 for testing."""
    data = digits.load("")
    images, classes = data.train.images, data.train_classes
    return Parts(
        LabelledImages(images[:100], classes[:100]),
        images[200:],
        LabelledImages(images[100:200], classes[100:200]),
        LabelledImages(data.test.images, data.test_classes),
    )


@pytest.fixture
def skewed(parts: Parts) -> Parts:
    """Of the labelled digits the zeros, and one of each other class."""
    images, classes = parts.labelled.images, parts.labelled.classes
    firsts = [int(np.argmax(classes == other)) for other in range(1, 10)]
    rows = np.concatenate([np.flatnonzero(classes == 0), firsts])
    return parts._replace(labelled=LabelledImages(images[rows], classes[rows]))


@pytest.fixture
def losses(skewed: Parts) -> Callable[[Any], tuple[float, float]]:
    """Fits a system for one step; returns its cross-entropy, and that of its predictions."""

    def measure(system: Any) -> tuple[float, float]:
        learnt: dict[str, float] = {}
        session = Session(log=lambda name, measures, step: learnt.update(measures))
        probs = system.fit(*skewed[:3], 0, session).predict_probs(skewed.labelled.images)
        of_the_class = probs[np.arange(len(probs)), skewed.labelled.classes]
        return learnt["cross_entropy"], float(-np.mean(np.log(of_the_class)))

    return measure
