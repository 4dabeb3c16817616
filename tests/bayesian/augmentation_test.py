"""Random changes of images: known ones by hand, random ones by their limits."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.bayesian import augmentation
from dbal_tf.bayesian.augmentation import FLIPS, augment, flipped

KEY = tf.constant([3, 5], tf.int64)


def _images(count: int = 40, height: int = 28, width: int = 28, channels: int = 2) -> tf.Tensor:
    rng = np.random.default_rng(0)
    return tf.constant(rng.uniform(0, 255, (count, height, width, channels)), tf.float32)


def _moved(images: tf.Tensor, down=0.0, right=0.0, angle=0.0, mirror=1.0) -> np.ndarray:
    each = [tf.fill([len(images)], float(value)) for value in (down, right, angle, mirror)]
    return augmentation._moved(images, *each).numpy()


def test_a_flip_is_a_flip() -> None:
    images = _images(height=5, width=8)
    flipped = augment(images, ("flip",), KEY).numpy()
    are_same = (np.abs(flipped - images) < 1e-2).all(axis=(1, 2, 3))
    are_turned = (np.abs(flipped - images[:, :, ::-1]) < 1e-2).all(axis=(1, 2, 3))
    assert (are_same ^ are_turned).all()
    assert 8 < are_turned.sum() < 32


def test_a_shift_moves_down_and_right_and_repeats_the_edge() -> None:
    images = _images(3, height=6, width=5)
    moved = _moved(images, down=2, right=1)
    np.testing.assert_allclose(moved[:, 2:, 1:], images[:, :-2, :-1], atol=1e-2)
    np.testing.assert_allclose(moved[:, 0, 1:], images[:, 0, :-1], atol=1e-2)


def test_a_quarter_turn_is_that_of_numpy() -> None:
    images = _images(3, height=6, width=6)
    turned = _moved(images, angle=np.pi / 2)
    np.testing.assert_allclose(turned, np.rot90(images, -1, axes=(1, 2)), atol=1e-2)


def test_a_flip_and_a_turn_are_done_one_after_the_other() -> None:
    images = _images(3, height=6, width=6)
    both = _moved(images, angle=np.pi / 2, mirror=-1)
    turned = np.rot90(np.asarray(images)[:, :, ::-1], -1, axes=(1, 2))
    np.testing.assert_allclose(both, turned, atol=1e-2)


def test_each_image_has_a_shift_of_its_own_of_up_to_two_pixels_of_28() -> None:
    images = np.zeros((400, 28, 28, 1), np.float32)
    images[:, 14, 14] = 1
    moved = augment(tf.constant(images), ("shift",), KEY).numpy()
    places = np.argwhere(moved > 0.5)[:, 1:3] - 14
    assert len(places) == 400
    pairs, counts = np.unique(places, axis=0, return_counts=True)
    assert np.abs(pairs).max() == 2 and len(pairs) == 25
    assert counts.max() < 4 * counts.min()


def test_angles_are_small_and_go_both_ways() -> None:
    images = np.zeros((200, 41, 41, 1), np.float32)
    images[:, 20, 40] = 1
    moved = augment(tf.constant(images), ("rotate",), KEY).numpy()[:, :, :, 0]
    height = (moved * np.arange(-20, 21)[:, None]).sum(axis=(1, 2)) / moved.sum(axis=(1, 2))
    # 20 pixels from the middle, 10 degrees are 3.5 pixels.
    assert 3 < height.max() < 4 and -4 < height.min() < -3


@pytest.mark.parametrize("kinds", [("shift",), ("flip",), ("rotate",), ("shift", "rotate")])
def test_the_key_decides(kinds: tuple[str, ...]) -> None:
    images = _images()
    first, again, other = (
        augment(images, kinds, tf.constant([3, last], tf.int64)).numpy() for last in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == images.shape


def test_nothing_changes_without_a_kind() -> None:
    np.testing.assert_allclose(augment(_images(), (), KEY), _images(), atol=1e-4)


def test_flips_by_hand():
    image = np.arange(6).reshape(1, 2, 3, 1)
    found = [flipped(image, axes)[0, :, :, 0].tolist() for axes in FLIPS]
    assert found == [[[2, 1, 0], [5, 4, 3]], [[3, 4, 5], [0, 1, 2]], [[5, 4, 3], [2, 1, 0]]]
