"""Digits in the parts that a system is given, and sessions that are stopped."""

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


class Stopped(Exception):
    """What a `StoppedSession` raises."""


class StoppedSession(Session):
    """Checkpoints after every chunk and stops at the given chunk of the whole fit."""

    def __init__(self, folder, stop_at, chunk=50):
        super().__init__(folder, every=0.0)
        self.left, self._chunk = stop_at, chunk

    def train(self, name, steps, run, state, chunk=None):
        def stopping(first, last):
            if self.left == 0:
                run(first, last)  # Work that is lost must be done again alike.
                raise Stopped
            self.left -= 1
            return run(first, last)

        super().train(name, steps, stopping, state, self._chunk)


@pytest.fixture(scope="session")
def digit_split():
    """100 labelled digits, 1,000 unlabelled, 200 for validation, the test digits."""
    source = digits.load("")
    images, classes = np.asarray(source.train.images), source.train_classes
    by_class = [np.flatnonzero(classes == c) for c in range(10)]
    own = np.concatenate([rows[:10] for rows in by_class])
    rest = np.setdiff1d(np.arange(len(classes)), own)
    return (
        LabelledImages(images[own], classes[own]),
        images[rest[200:1200]],
        LabelledImages(images[rest[:200]], classes[rest[:200]]),
        LabelledImages(np.asarray(source.test.images), source.test_classes),
    )


@pytest.fixture(scope="session")
def stopped_and_resumed(digit_split):
    """Fits a system that is stopped at a chunk and started again; returns the probs."""

    def fit(system, folder, stop_at):
        *given, test = digit_split
        stopped = StoppedSession(folder, stop_at)
        with pytest.raises(Stopped):
            system.fit(*given, 0, stopped)
        resumed = StoppedSession(folder, -1)
        predictor = system.fit(*given, 0, resumed)
        return predictor.predict_probs(test.images)

    return fit
