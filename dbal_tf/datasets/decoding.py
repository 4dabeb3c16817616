"""Decoding of image files, for the network and for the page where a person labels.

It needs Pillow and NumPy only. Both uses get the same pixels from the same bytes.
"""

import io
import struct
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
"""The formats that are tried; others may start programs, as EPS starts Ghostscript."""

MOST_PIXELS = 100_000_000
"""Height times width of the largest image that is decoded."""

# Pillow warns at a lower limit than the one that is checked here.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)

# Modes whose one channel is grey. For P, the palette decides.
NO_MEMORY = "it needs more memory than there is"
"""Why a file cannot be used that could be with more memory."""

_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_WHITE = (255, 255, 255, 255)
_SCALE = 257  # 65535 / 255
_ORIENTATION, _PHOTOMETRIC = 0x0112, 0x0106  # tags of EXIF and TIFF
# A photograph with broken EXIF data is still a photograph.
_BROKEN_EXIF = (
    AttributeError,
    KeyError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


class DecodeError(ValueError):
    """An image file cannot be used; the message is a phrase that says why."""


def decode(content: bytes) -> np.ndarray:
    """Returns the pixels of an image file as a person would see them.

    The orientation in the EXIF data is applied. Values of 16 bits are divided by
    257, so that 65535 becomes 255; for 16-bit colour images, Pillow keeps the upper
    eight bits. Transparent pixels are composed on white, CMYK and palettes become
    RGB, and only the first of several frames is used.

    Args:
        content: A whole file: JPEG, PNG, BMP, GIF, WebP or TIFF.

    Returns:
        Pixel values 0 to 255, uint8, shape `[h, w, k]`: k is 1 if the file stores
        grey values or a grey palette, else 3.

    Raises:
        DecodeError: The file is broken, too large, or of another format or type.
    """
    image = _open(content)
    try:
        is_grey, format = _is_grey(image), image.format
        is_negative = format == "TIFF" and image.getexif().get(_PHOTOMETRIC) == 0
        image.load()
        image = _upright(image)
        # Older versions of Pillow open a PNG of 16 bits as I.
        if image.mode in _SIXTEEN_BITS or (image.mode == "I" and format == "PNG"):
            return _from_16_bits(image, is_negative)
        return _from_8_bits(image, is_grey)
    except DecodeError:
        raise
    except Exception as error:  # Pillow raises nearly every exception for broken files.
        raise DecodeError(_reason(error)) from error


def probe(content: bytes) -> tuple[int, int, int]:
    """Returns the shape that `decode` will return, from the file's header alone.

    Raises:
        DecodeError: As `decode`, as far as the header shows it.
    """
    image = _open(content)
    try:
        width, height = image.size
        # Orientations 5 to 8 turn the image by 90 degrees; Pillow turns a TIFF itself.
        if image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8):
            width, height = height, width
        return height, width, 1 if _is_grey(image) else 3
    except Exception as error:
        raise DecodeError(_reason(error)) from error


def resize(
    image: np.ndarray, height_width: tuple[int, int], how: str, channels: int
) -> np.ndarray:
    """Resizes an image, antialiased and bilinear, and converts it to grey or colour.

    Args:
        image: Pixel values, uint8, shape `[h, w, k]`, k 1 or 3.
        height_width: Height and width to return.
        how: `stretch` scales each side by itself. `crop` takes the largest part with
            the wanted proportions, from the centre. `pad` centres the whole image on
            black, as `keras.layers.Resizing` does.
        channels: 1 or 3. Grey is the luma of ITU-R BT.601.

    Returns:
        Pixel values, uint8, shape `[*height_width, channels]`.
    """
    height, width = height_width
    if image.shape[:2] != height_width:
        squeezed = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        image = np.asarray(_resized(squeezed, (width, height), how)).reshape(height, width, -1)
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(Image.fromarray(image).convert("L"))[..., np.newaxis]


def _resized(image: Image.Image, size: tuple[int, int], how: str) -> Image.Image:
    bilinear = Image.Resampling.BILINEAR
    if how == "stretch":
        return image.resize(size, bilinear)
    if how == "crop":
        return ImageOps.fit(image, size, bilinear)
    return _padded(image, size)


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    # Like `ImageOps.pad`, which fails for a line of pixels: one of its sides would be 0.
    width, height = size
    if image.width * height > image.height * width:
        height = max(1, round(image.height / image.width * width))
    else:
        width = max(1, round(image.width / image.height * height))
    fitted = image.resize((width, height), Image.Resampling.BILINEAR)
    padded = Image.new(image.mode, size)
    padded.paste(fitted, (round((size[0] - width) / 2), round((size[1] - height) / 2)))
    return padded


def _open(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DecodeError(_too_large()) from error
    except Exception as error:
        if not content:
            raise DecodeError("the file is empty") from error
        if isinstance(error, UnidentifiedImageError):
            raise DecodeError("it is not a JPEG, PNG, BMP, GIF, WebP or TIFF") from error
        raise DecodeError(_reason(error)) from error
    # Before any pixel is decoded: a small file can hold a huge image.
    if image.width * image.height > MOST_PIXELS:
        raise DecodeError(_too_large())
    return image


def _too_large() -> str:
    return f"it has more than {MOST_PIXELS // 1_000_000} megapixels"


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return NO_MEMORY
    told = " ".join(str(error).split())[:100]
    return f"it is broken ({told})" if told else "it is broken"


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except _BROKEN_EXIF:
        return 1


def _is_grey(image: Image.Image) -> bool:
    if image.mode != "P":
        return image.mode in _GREY or image.mode in ("I", "F")
    palette = np.array(image.getpalette("RGB") or [0], np.uint8)
    return len(palette) % 3 == 0 and bool((np.ptp(palette.reshape(-1, 3), axis=1) == 0).all())


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _BROKEN_EXIF:
        return image


def _from_8_bits(image: Image.Image, is_grey: bool) -> np.ndarray:
    if image.mode in ("F", "I"):
        kind = "floating-point" if image.mode == "F" else "32-bit or signed"
        raise DecodeError(f"it has {kind} values, of which none is known to be white")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, _WHITE)
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    pixels = np.asarray(image.convert("L" if is_grey else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def _from_16_bits(image: Image.Image, is_negative: bool) -> np.ndarray:
    values = np.asarray(image).astype(np.uint32)
    if is_negative:  # 0 is white; Pillow inverts only 8-bit values itself.
        values = _SCALE * 255 - values
    if (transparent := image.info.get("transparency")) is not None:
        values[values == transparent] = _SCALE * 255
    return ((values + _SCALE // 2) // _SCALE).astype(np.uint8)[..., np.newaxis]
