import numpy as np
import pytest

from dbal_tf.core import InputError
from dbal_tf.datasets import digits
from dbal_tf.datasets.source import Source


@pytest.fixture(scope="module")
def source() -> Source:
    return digits.load("")


def test_sizes_and_types(source: Source) -> None:
    assert source.train.images.shape == (1200, 28, 28, 1)
    assert source.test.images.shape == (597, 28, 28, 1)
    assert source.train.images.dtype == source.test.images.dtype == np.uint8
    assert source.train_classes.dtype == source.test_classes.dtype == np.int64
    assert (source.train.images.min(), source.train.images.max()) == (0, 255)
    assert source.class_names == tuple("0123456789")


def test_ids_name_every_item_once(source: Source) -> None:
    ids = [*source.train.ids, *source.test.ids]
    assert sorted(ids) == [f"digits-{position:04d}" for position in range(1797)]


def test_items_keep_their_place_in_scikit_learns_order(source: Source) -> None:
    # scikit-learn's first ten digits are 0 to 9.
    known = {f"digits-{c:04d}": c for c in range(10)}
    classes = dict(
        zip(
            [*source.train.ids, *source.test.ids],
            [*source.train_classes, *source.test_classes],
            strict=True,
        )
    )
    assert {item: classes[item] for item in known} == known
    zero = source.train.select(np.array(["digits-0000"])).images[0, :, :, 0]
    assert zero[14, 14] < 20 < 100 < zero[14, 3:12].max(), "a ring with a hole"


def test_test_items_are_stratified_and_never_change(source: Source) -> None:
    known_shares = 597 / 1797 * np.bincount([*source.train_classes, *source.test_classes])
    assert np.abs(np.bincount(source.test_classes) - known_shares).max() < 1
    assert source.checksum() == (
        "89fee3b50fb85696e1d659f8bcbded358729a8f3204e5168c5dba1b4d5a7e243"
    )


def test_a_data_dir_is_refused() -> None:
    with pytest.raises(InputError, match=r"--data_dir=somewhere .* drop --data_dir"):
        digits.load("somewhere")


@pytest.mark.parametrize(("value", "pixel"), [(0, 0), (16, 255), (8, 128), (1, 16)])
def test_an_even_image_stays_even(value: int, pixel: int) -> None:
    large = digits._enlarge(np.full((1, 8, 8), float(value)))
    assert large.shape == (1, 28, 28, 1)
    assert (large == pixel).all()


def test_enlarging_interpolates_between_pixel_centres() -> None:
    # Output column x lies at (x + 1/2) * 8/28 - 1/2 = (4 x - 5) / 14 of the source.
    ramp = np.tile(np.arange(0, 16, 2), (1, 8, 1))
    at = np.clip((4 * np.arange(28) - 5) / 14, 0, 7)
    large = digits._enlarge(ramp)[0, :, :, 0].astype(float)
    np.testing.assert_allclose(large, np.tile(at * 2 * 255 / 16, (28, 1)), atol=0.51)
    turned = digits._enlarge(ramp.transpose(0, 2, 1))[0, :, :, 0]
    np.testing.assert_array_equal(turned.T, large)
