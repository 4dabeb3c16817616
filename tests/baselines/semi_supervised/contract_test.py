"""What every semi-supervised system promises, and every variant of one, on digits."""

import dataclasses

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised.dgn import Phase
from dbal_tf.baselines.semi_supervised.registry import make
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error
from dbal_tf.config import SEMI_SUPERVISED, VARIANTS
from dbal_tf.core import InputError

# The largest test error of `tiny`. The majority class alone has 0.9.
_LEARNT = {
    "embedding": 0.3,
    "tsvm": 0.3,
    "mtc": 0.35,
    "pseudo_label": 0.4,
    "atlas_rbf": 0.3,
    "dgn": 0.4,
    "ladder": 0.2,  # 0.28 without the part of the unlabelled images
    "vat": 0.25,  # 0.34 with an epsilon of 0.001
    "plain_pseudo_label": 0.4,
    "full_ladder": 0.2,
}
# The smallest number of unlabelled images, of those below.
_LEAST = {
    "embedding": 32,
    "tsvm": 1,
    "mtc": 100,
    "pseudo_label": 64,
    "atlas_rbf": 60,
    "dgn": 20,
    "ladder": 100,
    "vat": 100,
    "plain_pseudo_label": 64,
    "full_ladder": 100,
}
# Of a few steps, each of which changes something.
_QUICK = {
    "embedding": {"steps": 60},
    "mtc": {"layer_steps": 30, "epochs": 6},
    "pseudo_label": {"denoising_steps": 30, "epochs": 10},
    "plain_pseudo_label": {"epochs": 10},
    "dgn": {"phase1": Phase(30, 20, 1e-3, 1e-4), "phase2": Phase(30, 20, 1e-3, 1e-4)},
    "ladder": {"units": (20,), "steps": 40, "hold": 20},
    "full_ladder": {"units": (20,), "steps": 40, "hold": 20},
    "vat": {"units": (20,), "steps": 40},
}


class Killed(Exception):
    """Stands for a process that ends."""


class ShortSession(Session):
    """Trains by chunks of ten steps and keeps each; may be killed in one of them.

    Attributes:
        done: Name and first step of each chunk, and each stage as if it were one, in order.
    """

    def __init__(self, folder=None, kill_at=-1):
        super().__init__(folder, every=0.0)
        self.done, self._kill_at = [], kill_at

    def train(self, name, steps, run, state, chunk=500):
        def noted(first, last):
            measures = run(first, last)
            self._note((name, first))
            return measures

        super().train(name, steps, noted, state, min(chunk, 10))

    def stage(self, name, compute):
        def noted():
            arrays = compute()
            self._note((name, 0))
            return arrays

        return super().stage(name, noted)

    def _note(self, what):
        # Killed after the work and before it is kept, so that all of it is lost.
        if len(self.done) == self._kill_at:
            raise Killed
        self.done.append(what)


@pytest.fixture(params=(*SEMI_SUPERVISED, *VARIANTS))
def name(request):
    """Name of a system."""
    return request.param


@pytest.fixture
def quick(name):
    """A system that takes few steps."""
    return dataclasses.replace(make(name, "tiny"), **_QUICK.get(name, {}))


def _fit(system, parts, session, seed=0):
    """Returns the probabilities of the test images."""
    return system.fit(*parts[:3], seed, session).predict_probs(parts.test.images)


def test_digits_are_learnt(name, parts):
    predictor = make(name, "tiny").fit(*parts[:3], 0, Session())
    probs = predictor.predict_probs(parts.test.images)
    assert (probs.shape, probs.dtype) == ((597, 10), np.float64)
    assert (probs >= 0).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert error(predictor, parts.test) < _LEARNT[name]


def _moments(done):
    """Returns the positions of the second chunks of the first and the last part."""
    # A part that is killed in its first chunk has no state to go on with.
    seconds = [i for i, (name, first) in enumerate(done) if first and not done[i - 1][1]]
    return sorted({*seconds[:1], *seconds[-1:]}) or [len(done) - 1]


def test_killed_it_ends_as_undisturbed_and_another_seed_does_not(quick, parts, tmp_path):
    whole, done = ShortSession(), []
    probs = _fit(quick, parts, whole)
    for moment in _moments(whole.done):
        session = ShortSession(tmp_path, kill_at=moment - len(done))
        with pytest.raises(Killed):
            _fit(quick, parts, session)
        done += session.done
    last = ShortSession(tmp_path)
    np.testing.assert_array_equal(_fit(quick, parts, last), probs)
    assert [*done, *last.done] == whole.done, "what was kept is done again"
    assert not np.allclose(_fit(quick, parts, Session(), seed=1), probs)


def test_a_class_without_labels_is_refused(quick, parts):
    labelled, unlabelled, validation, _ = parts
    kept = labelled.classes != 3
    some = LabelledImages(labelled.images[kept], labelled.classes[kept])
    with pytest.raises(InputError, match=r"^Class 3 has no labelled image"):
        quick.fit(some, unlabelled, validation, 0, Session())


def test_too_few_unlabelled_images_are_refused(name, quick, parts):
    least = _LEAST[name]
    said = f"^{least - 1} unlabelled images were given; expected at least {least}"
    with pytest.raises(InputError, match=said):
        few = parts.unlabelled[: least - 1]
        quick.fit(parts.labelled, few, parts.validation, 0, Session())
