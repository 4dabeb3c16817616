import dataclasses
import errno
import os
import zipfile

import numpy as np
import pytest

from dbal_tf.datasets.pixel_cache import Index, MappedImages, PixelCache

_PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 2, 3, 1)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> PixelCache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return PixelCache.of(tmp_path, None, "pad")


def _index(name: str) -> Index:
    texts, states = np.array(list("abcd")), np.arange(16).reshape(4, 4)
    return Index(texts, states, np.ones((4, 3), int), texts, np.zeros((4, 32, 32)), name)


def test_what_is_written_is_read(cache) -> None:
    cache.write_index(_index(cache.write_pixels(_PIXELS.shape, [_PIXELS[:3], _PIXELS[3:]])))
    index, pixels = cache.read()
    np.testing.assert_array_equal(pixels, _PIXELS)
    assert index.ids.tolist() == list("abcd")
    cache.write_index(_index(cache.write_pixels(_PIXELS.shape, [_PIXELS + 1])))
    np.testing.assert_array_equal(cache.read()[1], _PIXELS + 1)
    assert len(list(cache.folder.glob("pixels-*"))) == 1


def test_what_killed_processes_left_is_removed(cache) -> None:
    kept = cache.write_pixels(_PIXELS.shape, [_PIXELS])
    cache.write_index(_index(kept))
    killed, running = (cache.write_pixels(_PIXELS.shape, [_PIXELS]) for _ in range(2))
    for name in (kept, killed):
        os.utime(cache.folder / name, (0, 0))
    new = cache.write_pixels(_PIXELS.shape, [_PIXELS])
    assert {path.name for path in cache.folder.glob("pixels-*")} == {kept, running, new}


def test_options_have_caches_of_their_own(cache, tmp_path) -> None:
    assert PixelCache.of(tmp_path, (3, 4), "pad") != cache
    assert PixelCache.of(tmp_path / "b", None, "pad") != cache
    assert PixelCache.of(tmp_path, None, "pad") == cache


@pytest.mark.parametrize("damage", ["gone", "short", "index", "header", "other_length"])
def test_a_damaged_cache_is_none(cache, damage: str) -> None:
    name = cache.write_pixels(_PIXELS.shape, [_PIXELS])
    cache.write_index(_index(name))
    if damage == "gone":
        (cache.folder / name).unlink()
    elif damage == "short":
        os.truncate(cache.folder / name, 100)
    elif damage == "index":
        (cache.folder / "index.npz").write_bytes(b"PK\x03\x04 no")
    elif damage == "header":
        with zipfile.ZipFile(cache.folder / "index.npz", "w") as archive:
            header = b"{'descr': '<U1', 'shape': (4,"
            archive.writestr("ids.npy", b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header)
    else:
        cache.write_index(dataclasses.replace(_index(name), ids=np.array(["a"])))
    index, pixels = cache.read()
    assert pixels is None
    assert len(index.ids) == 0


def test_a_full_disk_leaves_nothing(cache, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        cache.write_pixels(_PIXELS.shape, [_PIXELS])
    assert list(cache.folder.iterdir()) == []


def test_mapped_images_read_like_an_array() -> None:
    images, same = MappedImages(_PIXELS, np.array([3, 1, 0])), _PIXELS[[3, 1, 0]]
    assert (images.shape, len(images), images.dtype) == (same.shape, 3, np.uint8)
    for rows in (slice(1, 3), [2, 0], np.array([True, False, True]), [], np.array([1])):
        picked = images[rows]
        assert isinstance(picked, MappedImages)
        expected = same[rows] if len(np.shape(rows)) == 0 or len(rows) else same[:0]
        np.testing.assert_array_equal(np.asarray(picked), expected)
    np.testing.assert_array_equal(images[1], same[1])
    assert np.asarray(images, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy=False"):
        np.array(images, copy=False)
