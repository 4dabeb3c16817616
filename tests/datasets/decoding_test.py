import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dbal_tf.config import RESIZES
from dbal_tf.datasets import decoding
from dbal_tf.datasets.decoding import DecodeError, decode, probe, resize

# The module turns these off; pytest turns them on again.
pytestmark = pytest.mark.filterwarnings("ignore:Image size", "ignore:Corrupt EXIF")
_RED = (254, 0, 0)


def encoded(image: Image.Image | np.ndarray, format: str = "PNG", **options) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def _noise(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).convert(mode)


def _header_png(width: int, height: int, depth: int = 8, kind: int = 0) -> bytes:
    """A PNG of which there is little more than the header."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + crc


def _gif_of_two() -> bytes:
    red, green = (Image.new("RGB", (4, 3), colour) for colour in (_RED, (0, 254, 0)))
    return encoded(red, "GIF", save_all=True, append_images=[green])


def _palette(transparent: bool) -> bytes:
    image = Image.new("P", (4, 3), 0)
    image.putpalette([*_RED, 0, 0, 254])
    image.putpixel((0, 0), 1)
    return encoded(image, **({"transparency": 1} if transparent else {}))


HOSTILE = {
    "empty": (b"", "empty"),
    "text": (b"hello, I am no image" * 9, "not a JPEG"),
    "zeros": (bytes(1000), "not a JPEG"),
    "html": (b"<html><img src=x></html>", "not a JPEG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
    "eps": (encoded(_noise(), "EPS"), "not a JPEG"),
    "ppm": (encoded(_noise(), "PPM"), "not a JPEG"),
    "ico": (encoded(_noise(), "ICO"), "not a JPEG"),
    "pdf": (encoded(_noise(), "PDF"), "not a JPEG"),
    "truncated_jpeg": (encoded(_noise(), "JPEG")[:600], "broken"),
    "truncated_png": (encoded(_noise())[:600], "broken"),
    "truncated_gif": (encoded(_noise("P"), "GIF")[:900], "broken"),
    "truncated_bmp": (encoded(_noise(), "BMP")[:600], "broken"),
    "truncated_webp": (encoded(_noise(), "WEBP")[:300], "broken|not a JPEG"),
    "truncated_tiff": (encoded(_noise(), "TIFF")[:600], "broken|not a JPEG"),
    "only_a_header": (_header_png(8, 8), "broken"),
    "no_pixels": (_header_png(0, 0), "broken|not a JPEG"),
    "huge": (_header_png(10_001, 10_000), "more than 100 megapixels"),
    "huger": (_header_png(60_000, 60_000), "more than 100 megapixels"),
    "hugest": (_header_png(2**31 - 1, 2**31 - 1), "more than 100 megapixels"),
    "float": (encoded(np.ones((3, 4), np.float32), "TIFF"), "floating-point"),
    "int32": (encoded(np.ones((3, 4), np.int32), "TIFF"), "32-bit"),
    "jpeg_mark_only": (b"\xff\xd8\xff", "broken|not a JPEG"),
    "gif_mark_only": (b"GIF89a", "broken|not a JPEG"),
    "bad_checksum": (
        encoded(_noise())[:29] + b"\0\0\0\0" + encoded(_noise())[33:],
        "broken|not",
    ),
    "riff_of_sound": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "not a JPEG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_have_a_reason(name: str) -> None:
    content, reason = HOSTILE[name]
    with pytest.raises(DecodeError, match=reason) as caught:
        decode(content)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_nothing_is_decoded_before_the_size_is_known(monkeypatch) -> None:
    content = encoded(_noise())
    monkeypatch.setattr(decoding, "MOST_PIXELS", 1199)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(DecodeError, match="megapixels"):
        decode(content)


ODD = {
    "grey": (encoded(Image.new("L", (4, 3), 77)), [77]),
    "colour": (encoded(Image.new("RGB", (4, 3), _RED)), [*_RED]),
    "one_bit": (encoded(Image.new("1", (4, 3), 1)), [255]),
    "palette": (_palette(False), [*_RED]),
    "grey_palette": (encoded(Image.new("L", (4, 3), 9), "GIF"), [9]),
    "first_frame": (_gif_of_two(), [*_RED]),
    "transparent": (encoded(Image.new("RGBA", (4, 3), (*_RED, 0))), [255, 255, 255]),
    "half_transparent": (encoded(Image.new("RGBA", (4, 3), (0, 0, 0, 51))), [204] * 3),
    "grey_and_alpha": (encoded(Image.new("LA", (4, 3), (0, 51))), [204]),
    "transparent_grey": (encoded(Image.new("L", (4, 3), 8), transparency=8), [255]),
    "cmyk": (encoded(Image.new("CMYK", (4, 3), (0, 255, 255, 0)), "TIFF"), [255, 0, 0]),
    "cmyk_jpeg": (encoded(Image.new("CMYK", (4, 3), (255, 255, 255, 0)), "JPEG"), [0, 0, 0]),
    "bmp": (encoded(Image.new("RGB", (4, 3), _RED), "BMP"), [*_RED]),
    "webp": (encoded(Image.new("RGB", (4, 3), _RED), "WEBP", lossless=True), [*_RED]),
    "jpeg_called_png": (encoded(Image.new("L", (4, 3), 77), "JPEG"), [77]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_look_as_a_person_sees_them(name: str) -> None:
    content, colour = ODD[name]
    pixels = decode(content)
    assert (pixels.shape, pixels.dtype) == ((3, 4, len(colour)), np.uint8)
    assert pixels[-1, -1].tolist() == colour
    assert probe(content) == pixels.shape


def test_transparent_palette() -> None:
    pixels = decode(_palette(True))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [*_RED]


@pytest.mark.parametrize("kind", ["<u2", ">u2"])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bits_are_scaled(kind: str, format: str) -> None:
    values = np.array([[0, 128, 129], [257, 32896, 65535]], np.uint16)
    image = Image.frombytes("I;16" if kind == "<u2" else "I;16B", (3, 2), values.astype(kind))
    pixels = decode(encoded(image, format))
    assert pixels[..., 0].tolist() == [[0, 0, 1], [1, 128, 255]]


def test_16_bits_of_which_0_is_white() -> None:
    values = np.array([[0, 65535, 257]], np.uint16)
    assert decode(encoded(values, "TIFF", tiffinfo={262: 0})).ravel().tolist() == [255, 0, 254]


def test_transparent_value_of_16_bits() -> None:
    content = encoded(np.array([[7, 257]], np.uint16))
    # Behind the header's 8 + 25 bytes.
    assert decode(
        content[:33] + _chunk(b"tRNS", b"\0\x07") + content[33:]
    ).ravel().tolist() == [255, 1]


# Where the bright corner of the stored image is to be seen: row, column.
_CORNERS = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0)}
_CORNERS |= {5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}


@pytest.mark.parametrize("orientation", _CORNERS)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied(format: str, orientation: int) -> None:
    image = np.zeros((16, 32), np.uint8)
    image[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(image).convert("RGB"), format, exif=exif)
    pixels = decode(content)
    assert pixels.shape == ((16, 32, 3) if orientation < 5 else (32, 16, 3)) == probe(content)
    corners = {(y, x): pixels[y, x].mean() for y in (0, -1) for x in (0, -1)}
    assert max(corners, key=corners.get) == _CORNERS[orientation]


def test_broken_exif_is_not_an_error() -> None:
    content = encoded(Image.new("L", (4, 3), 77), "JPEG", exif=b"Exif\0\0II*\0garbage" * 3)
    assert decode(content).shape == probe(content) == (3, 4, 1)


def test_resize_known_answers() -> None:
    image = np.full((2, 4, 1), 200, np.uint8)
    image[:, 0] = 0
    assert resize(image, (2, 4), "pad", 1) is image
    padded = resize(image, (4, 4), "pad", 1)[..., 0]
    assert padded.tolist() == [[0] * 4, [0, 200, 200, 200], [0, 200, 200, 200], [0] * 4]
    assert (resize(image, (2, 2), "crop", 1) == 200).all()
    assert resize(image, (1, 2), "stretch", 1).shape == (1, 2, 1)
    assert resize(image, (4, 4), "pad", 3).shape == (4, 4, 3)


@pytest.mark.parametrize("shape", [(1, 200, 1), (200, 1, 3), (2, 600, 3)])
@pytest.mark.parametrize("how", RESIZES)
def test_a_line_of_pixels_stays_one(shape: tuple[int, int, int], how: str) -> None:
    resized = resize(np.full(shape, 90, np.uint8), (64, 64), how, 1)
    assert resized.shape == (64, 64, 1)
    lines = (resized > 0).any(axis=int(shape[0] < shape[1])).sum()
    assert lines == (1 if how == "pad" else 64)


def test_shrinking_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 254], np.uint8), (8, 32))[..., np.newaxis]
    inner = resize(stripes, (8, 8), "stretch", 1)[:, 1:-1]
    assert (abs(inner.astype(int) - 127) < 3).all()


def test_grey_of_colours() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [7, 7, 7]]], np.uint8)
    assert resize(image, (1, 3), "pad", 1).ravel().tolist() == [76, 150, 7]


@pytest.mark.parametrize("how", RESIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_way_gives_the_shape(how: str, channels: int) -> None:
    for stored in (1, 3):
        image = np.zeros((7, 3, stored), np.uint8)
        assert resize(image, (5, 6), how, channels).shape == (5, 6, channels)
