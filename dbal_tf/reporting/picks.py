"""Pictures of what a round bought: the images, and how many of each class."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SMALL_SIDE = 84  # Small images are enlarged by a whole factor to about this size.
_LARGE_SIDE = 160  # Large images are reduced to this size.
_GAP = 8
_FONT_SIZE = 12
_LINE_HEIGHT = 18
_CAPTION_LENGTH = 24
_CAPTION_END = 8
_BARS = 20
_BAR_LENGTH = 320
_INK = (51, 51, 51)
_BLUE = (0, 114, 178)


def picked_images(images: np.ndarray, captions: Sequence[str], per_row: int = 10) -> np.ndarray:
    """Draws images in rows with a caption under each.

    Args:
        images: Pixel values 0 to 255, uint8, shape `[k, h, w, c]`, k at least
            1; with three or more channels, the first three are RGB, else grey.
        captions: One per image, shortened in the middle to 24 characters.
        per_row: Images per row.

    Returns:
        The sheet, uint8, shape `[H, W, 3]`.
    """
    tiles = [_tile(image) for image in images]
    captions = [_shortened(caption) for caption in captions]
    width = max(tiles[0].width, *(int(_font().getlength(text)) + 1 for text in captions))
    step_x, step_y = width + _GAP, tiles[0].height + _LINE_HEIGHT + _GAP
    columns, rows = min(len(tiles), per_row), -(-len(tiles) // per_row)
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for position, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(position, per_row)
        x, y = _GAP + column * step_x, _GAP + row * step_y
        sheet.paste(tile, (x + (width - tile.width) // 2, y))
        middle = (x + width // 2, y + tile.height + _LINE_HEIGHT // 2)
        draw.text(middle, caption, fill=_INK, font=_font(), anchor="mm")
    return np.asarray(sheet)


def class_bars(counts: Mapping[str, int]) -> np.ndarray:
    """Draws how often each class was bought, as horizontal bars.

    Args:
        counts: Number of images by class name. Of more than 20 classes, the
            20 most bought are drawn, in the order given.

    Returns:
        The picture, uint8, shape `[H, W, 3]`.
    """
    kept = set(sorted(counts, key=counts.__getitem__, reverse=True)[:_BARS])
    rows = [(_shortened(name), count) for name, count in counts.items() if name in kept]
    left = 2 * _GAP + max(int(_font().getlength(name)) for name, _ in rows)
    # All counts may be 0.
    unit = _BAR_LENGTH / max(1, *counts.values())
    size = (left + _BAR_LENGTH + 5 * _GAP, len(rows) * _LINE_HEIGHT + 2 * _GAP)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for row, (name, count) in enumerate(rows):
        top = _GAP + row * _LINE_HEIGHT
        middle, end = top + _LINE_HEIGHT // 2, left + round(unit * count)
        draw.text((left - _GAP, middle), name, fill=_INK, font=_font(), anchor="rm")
        if count:
            draw.rectangle((left, top + 3, end, top + _LINE_HEIGHT - 3), fill=_BLUE)
        draw.text((end + _GAP, middle), str(count), fill=_INK, font=_font(), anchor="lm")
    return np.asarray(picture)


def _tile(image: np.ndarray) -> Image.Image:
    """Returns an image `[h, w, c]` in the size in which it is shown."""
    channels = image if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)
    tile = Image.fromarray(np.ascontiguousarray(channels[..., :3]))
    longest = max(tile.size)
    if longest > _LARGE_SIDE:
        width, height = (max(1, side * _LARGE_SIDE // longest) for side in tile.size)
        return tile.resize((width, height), Image.Resampling.BOX)
    # A whole factor without interpolation shows the pixels as the model sees them.
    factor = max(1, _SMALL_SIDE // longest)
    return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)


def _shortened(text: str) -> str:
    """Returns the text without its middle if it is long: its end may be a score."""
    if len(text) <= _CAPTION_LENGTH:
        return text
    return f"{text[: _CAPTION_LENGTH - _CAPTION_END - 1]}…{text[-_CAPTION_END:]}"


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own, so that a picture is the same on every machine.
    return ImageFont.load_default(_FONT_SIZE)
