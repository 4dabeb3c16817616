"""What a system is given is checked; pixels and errors are counted."""

import numpy as np
import pytest

from dbal_tf.baselines.semi_supervised import system
from dbal_tf.baselines.semi_supervised.system import LabelledImages
from dbal_tf.core import InputError


def labelled(*classes):
    return LabelledImages(
        np.zeros((len(classes), 2, 3, 1), np.uint8), np.array(classes, np.int64)
    )


def unlabelled(count):
    return np.zeros((count, 2, 3, 1), np.uint8)


def test_images_are_counted():
    assert len(labelled(0, 1, 1)) == 3
    assert len(labelled()) == 0


@pytest.mark.parametrize(("classes", "count"), [((2, 0, 1, 0), 3), ((0,), 1)])
def test_check_returns_the_number_of_classes(classes, count):
    assert system.check(labelled(*classes), unlabelled(4), 4) == count


@pytest.mark.parametrize(("classes", "missing"), [((0, 2, 3), 1), ((1, 2), 0), ((), 0)])
def test_class_without_labels_is_refused(classes, missing):
    with pytest.raises(InputError) as raised:
        system.check(labelled(*classes), unlabelled(4), 4)
    assert str(raised.value) == (
        f"Class {missing} has no labelled image; expected at least one of each class; "
        "label one or leave the class out."
    )


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_unlabelled_images_are_refused(count):
    with pytest.raises(InputError) as raised:
        system.check(labelled(0, 1), unlabelled(count), 4)
    assert str(raised.value) == (
        f"{count} unlabelled images were given; expected at least 4, a batch; "
        "give more or lower the batch size."
    )


def test_pixels_are_rows_from_0_to_1():
    images = np.array([0, 51, 255, 102, 0, 255], np.uint8).reshape(1, 3, 1, 2)
    flat = system.pixels(images)
    np.testing.assert_allclose(flat, [[0, 0.2, 1, 0.4, 0, 1]], rtol=1e-6)
    assert flat.dtype == np.float32
    assert flat.min() == 0 and flat.max() == 1


def test_no_images_have_no_rows():
    assert system.pixels(np.zeros((0, 2, 3, 4), np.uint8)).shape == (0, 24)


class Answers:
    """Predicts the given classes."""

    def __init__(self, *classes):
        self.classes = classes

    def predict_probs(self, images):
        assert len(images) == len(self.classes)
        return np.eye(3)[list(self.classes)]


@pytest.mark.parametrize(
    ("answers", "share"), [((0, 1, 2, 2), 0), ((0, 1, 2, 0), 0.25), ((1, 2, 0, 0), 1)]
)
def test_error_is_the_share_of_wrong_classes(answers, share):
    assert system.error(Answers(*answers), labelled(0, 1, 2, 2)) == share
