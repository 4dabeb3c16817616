"""Digits in the parts that a semi-supervised system is given."""

import pathlib
from collections.abc import Callable, Mapping
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


class KilledSession(Session):
    """Trains by chunks of 10 steps, with a checkpoint after each; may be killed."""

    def __init__(self, folder: pathlib.Path, kill_at: int = -1) -> None:
        super().__init__(folder, every=0.0)
        self.kill_at, self.chunks = kill_at, []

    def train(self, name, steps, run, state, chunk=500) -> None:
        """Is killed when the chunk from step `kill_at` is done and not yet kept."""

        def killed(first: int, last: int) -> Mapping[str, Any]:
            measures = run(first, last)
            self.chunks.append((first, last))
            if first == self.kill_at:
                raise KeyboardInterrupt
            return measures

        super().train(name, steps, killed, state, chunk=10)


@pytest.fixture
def killed_session() -> Callable[..., KilledSession]:
    """Makes sessions of small chunks from a folder and, maybe, `kill_at`."""
    return KilledSession
