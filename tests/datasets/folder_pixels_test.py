import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from dbal_tf.core import InputError
from dbal_tf.datasets import decoding, folder_pixels
from dbal_tf.datasets.folder_pixels import load_pixels
from dbal_tf.datasets.image_files import find_images
from dbal_tf.datasets.pixel_cache import PixelCache


@pytest.fixture
def folder(tmp_path, monkeypatch) -> pathlib.Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "images"
    path.mkdir()
    for number in range(5):
        Image.new("L", (6, 4), 10 * number).save(path / f"{number}.png")
    return path


@pytest.fixture
def decoded(monkeypatch) -> list[bytes]:
    """The files that were decoded."""
    seen: list[bytes] = []
    real = decoding.decode

    def decode(content: bytes) -> np.ndarray:
        seen.append(content)
        return real(content)

    monkeypatch.setattr(decoding, "decode", decode)
    return seen


def _load(folder: pathlib.Path, size: tuple[int, int] | None = None):
    index, pixels = load_pixels(folder, find_images(folder)[0], size, "pad")
    return index, np.asarray(pixels)


def _pixel_files(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    return sorted((tmp_path / "cache").rglob("pixels-*"))


def test_the_second_time_nothing_is_decoded(folder, decoded) -> None:
    _, first = _load(folder)
    assert first[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
    # Twice, the one that decides on the size of all.
    assert len(decoded) == 6
    index, second = _load(folder)
    np.testing.assert_array_equal(first, second)
    assert len(decoded) == 6
    assert not index.reasons.any()


def test_only_what_changed_is_decoded_again(folder, decoded) -> None:
    _load(folder)
    decoded.clear()
    Image.new("L", (6, 4), 99).save(folder / "3.png")
    os.utime(folder / "3.png", ns=(1, 1))
    Image.new("L", (6, 4), 5).save(folder / "00.png")
    (folder / "1.png").unlink()
    index, pixels = _load(folder)
    assert pixels[:, 0, 0, 0].tolist() == [0, 5, 20, 99, 40]
    assert len(decoded) == 2
    assert index.ids.tolist() == ["0.png", "00.png", "2.png", "3.png", "4.png"]


def test_files_that_change_places_are_decoded_again(folder) -> None:
    for number in range(5):
        os.utime(folder / f"{number}.png", ns=(1, 1))
    # As `cp -p` or an archive leaves them: the same size, and the same time of change.
    one, two = folder / "1.png", folder / "2.png"
    assert one.stat().st_size == two.stat().st_size
    _load(folder)
    one.rename(folder / "x")
    two.rename(one)
    (folder / "x").rename(two)
    _, pixels = _load(folder)
    assert pixels[:, 0, 0, 0].tolist() == [0, 20, 10, 30, 40]


def test_colour_among_grey_makes_all_colour(folder) -> None:
    _load(folder)
    Image.new("RGB", (6, 4), (1, 2, 3)).save(folder / "c.png")
    _, pixels = _load(folder)
    assert pixels.shape == (6, 4, 6, 3)
    assert pixels[1, 0, 0].tolist() == [10, 10, 10]


def test_a_broken_file_is_remembered(folder, decoded) -> None:
    content = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(content[:50])
    for _ in range(2):
        index, pixels = _load(folder)
        assert [bool(reason) for reason in index.reasons] == [False, False, True, False, False]
        assert not pixels[2].any()
    assert len(decoded) == 6


def test_a_broken_file_does_not_decide_on_size_and_channels(folder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(noise).save(folder / "00.png")
    content = (folder / "00.png").read_bytes()
    (folder / "00.png").write_bytes(content[:2000])
    index, first = _load(folder)
    assert first.shape == (6, 4, 6, 1)
    assert np.flatnonzero(index.reasons != "").tolist() == [1]
    os.utime(folder / "3.png", ns=(1, 1))
    np.testing.assert_array_equal(_load(folder)[1], first)
    (folder / "00.png").write_bytes(content)
    with pytest.raises(InputError, match=r"0.png is 4x6, 00.png 40x60"):
        _load(folder)


def test_two_processes_that_begin_at_once_decode_once_each(
    folder, decoded, monkeypatch
) -> None:
    real = PixelCache.open_pixels

    def open_after_another(cache: PixelCache, name: str) -> np.ndarray:
        monkeypatch.setattr(PixelCache, "open_pixels", real)
        _load(folder)
        return real(cache, name)

    monkeypatch.setattr(PixelCache, "open_pixels", open_after_another)
    _, pixels = load_pixels(folder, find_images(folder)[0], None, "pad")
    assert isinstance(pixels, np.memmap)
    assert len(decoded) == 2 * 6
    assert pixels[:, 0, 0, 0].tolist() == _load(folder)[1][:, 0, 0, 0].tolist()
    assert len(decoded) == 2 * 6, "the cache is whole"
    cache = PixelCache.of(folder, None, "pad")
    assert len(list(cache.folder.glob("pixels-*"))) == 1


@pytest.mark.parametrize("fault", ["read_only", "full"])
def test_without_a_cache_it_works(folder, fault: str, monkeypatch, tmp_path) -> None:
    if fault == "read_only":
        (tmp_path / "cache").write_text("a file where the folder should be")
    else:

        def full(*_: object) -> None:
            raise OSError("full")

        monkeypatch.setattr(folder_pixels.PixelCache, "write_index", full)
    (folder / "bad.png").write_bytes(b"no")
    index, pixels = _load(folder)
    assert pixels[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 0]
    assert index.reasons[-1]


def test_sizes_differ(folder) -> None:
    Image.new("L", (7, 4)).save(folder / "wide.png")
    with pytest.raises(InputError, match=r"0.png is 4x6, wide.png 4x7 .*--image_size"):
        _load(folder)
    assert _load(folder, (8, 8))[1].shape == (6, 8, 8, 1)


def test_what_may_not_be_read_is_tried_again(folder, monkeypatch, tmp_path) -> None:
    real = pathlib.Path.read_bytes

    def read(path: pathlib.Path) -> bytes:
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "read_bytes", read)
        assert _load(folder)[0].reasons[2] == "it cannot be read (Permission denied)"
        before = _pixel_files(tmp_path)
        assert _load(folder)[0].reasons[2] == "it cannot be read (Permission denied)"
        assert _pixel_files(tmp_path) == before, "while it still fails, nothing is written"
    index, pixels = _load(folder)
    assert not index.reasons.any()
    assert pixels[2, 0, 0, 0] == 20


def test_an_image_that_found_no_memory_is_tried_again(folder, monkeypatch) -> None:
    real = Image.Image.load

    def load(image: Image.Image) -> object:
        if image.getpixel.__self__.size == (6, 5):
            raise MemoryError
        return real(image)

    Image.new("L", (6, 5), 70).save(folder / "7.png")
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", load)
        for _ in range(2):
            assert _load(folder, (4, 6))[0].reasons[5] == decoding.NO_MEMORY
    index, pixels = _load(folder, (4, 6))
    assert not index.reasons.any()
    assert pixels[5, 2, 3, 0] == 70
