"""Images that stay on disk: they read like an array, and nothing is read too early."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.core import InputError
from dbal_tf.datasets import stored_images
from dbal_tf.datasets.records import Records
from dbal_tf.datasets.shard_writer import example
from dbal_tf.datasets.stored_images import ENCODED, RAW, StoredImages

_SHAPE = (4, 5, 3)
_IMAGES = np.random.default_rng(0).integers(0, 256, (11, *_SHAPE), np.uint8)
_PLAIN = [example(image, 0, "") for image in _IMAGES]
_PNG = [example(image, 0, "", encoded=True) for image in _IMAGES]


def _stored(path: pathlib.Path, contents: list[bytes], feature: str) -> StoredImages:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for content in contents:
            writer.write(content)
    records = Records.from_lengths({path: np.array([len(content) for content in contents])})
    return StoredImages(records, feature, _SHAPE)


@pytest.fixture(params=[RAW, ENCODED])
def stored(request, tmp_path) -> StoredImages:
    """The images as pixel values, then as PNGs."""
    contents = _PLAIN if request.param == RAW else _PNG
    return _stored(tmp_path / "images", contents, request.param)


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(2, 7),
        slice(9, 99),
        slice(None, None, -2),
        [3, 3, 0],
        np.array([10, 1, 2]),
        np.arange(11) % 2 == 0,
        [],
        np.array([]),
    ],
    ids=str,
)
def test_rows_are_those_of_an_array(stored, rows):
    expected = _IMAGES[rows] if isinstance(rows, slice) or len(rows) else _IMAGES[:0]
    chosen = stored[rows]
    assert isinstance(chosen, StoredImages)
    got, wanted = ((len(x), x.shape, x.dtype) for x in (chosen, expected))
    assert got == wanted
    np.testing.assert_array_equal(np.asarray(chosen), expected)


def test_a_choice_of_a_choice(stored):
    np.testing.assert_array_equal(stored[2:9][[5, 0]], _IMAGES[[7, 2]])


def test_one_image_and_all_in_turn(stored):
    np.testing.assert_array_equal(stored[-1], _IMAGES[-1])
    np.testing.assert_array_equal(stored[np.int64(3)], _IMAGES[3])
    np.testing.assert_array_equal(list(stored), _IMAGES)


def test_the_type_that_is_asked_for(stored):
    assert np.asarray(stored).dtype == np.uint8
    floats = np.asarray(stored, np.float32)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, _IMAGES)
    with pytest.raises(ValueError, match="copy=False"):
        np.array(stored, copy=False)


@pytest.mark.parametrize("size", [1, 4, 11])
def test_blocks_of_any_size(stored, size, monkeypatch):
    monkeypatch.setattr(stored_images, "_MOST_AT_ONCE", size)
    np.testing.assert_array_equal(stored[::-1], _IMAGES[::-1])


def test_nothing_is_read_before_it_is_asked_for(stored, monkeypatch):
    read = []
    original = Records.read
    monkeypatch.setattr(
        Records, "read", lambda self, rows: (read.extend(rows), original(self, rows))[1]
    )
    chosen = stored[3:8][[4, 1]]
    assert (chosen.shape, len(chosen), read) == ((2, *_SHAPE), 2, [])
    np.asarray(chosen)
    assert read == [7, 4]


def test_a_jpeg(tmp_path):
    even, record = np.full(_SHAPE, 77, np.uint8), tf.train.Example()
    jpeg = tf.io.encode_jpeg(even).numpy()
    record.features.feature["image"].bytes_list.value.append(jpeg)
    stored = _stored(tmp_path / "images", [record.SerializeToString()], ENCODED)
    assert np.abs(np.asarray(stored, int)[0] - 77).max() <= 1


_OTHER_SHAPE = example(_IMAGES[0][:, :3], 0, "", encoded=True)
_GREY = example(_IMAGES[0][..., :1], 0, "", encoded=True)
_NO_IMAGE = _PNG[0].replace(b"\x89PNG", b"\x89PNX")


@pytest.mark.parametrize(
    ("bad", "state"),
    [
        (_OTHER_SHAPE, r"an image of shape \(4, 3, 3\); expected shape \(4, 5, 3\)"),
        (_GREY, r"an image of shape \(4, 5, 1\); expected shape \(4, 5, 3\)"),
        (_NO_IMAGE, "no image that can be decoded"),
        (_PLAIN[0], "no image that can be decoded"),
        (b"no example", "no image that can be decoded"),
    ],
)
def test_a_bad_image_is_named(tmp_path, bad, state):
    stored = _stored(tmp_path / "images", [*_PNG[:3], bad, *_PNG], ENCODED)
    np.testing.assert_array_equal(stored[:3], _IMAGES[:3])
    with pytest.raises(InputError, match=f"images, record 3, holds {state}") as caught:
        np.asarray(stored)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("feature", [RAW, ENCODED])
def test_a_file_that_changed(tmp_path, feature):
    contents = _PLAIN if feature == RAW else _PNG
    stored = _stored(tmp_path / "images", contents, feature)
    size = (tmp_path / "images").stat().st_size
    (tmp_path / "images").write_bytes(bytes(size))
    with pytest.raises(InputError, match="images, record 0, holds no image"):
        np.asarray(stored)
