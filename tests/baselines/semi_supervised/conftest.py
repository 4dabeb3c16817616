"""Small digits for every system, and a session that is stopped in the middle."""

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages
from dbal_tf.datasets import digits


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
