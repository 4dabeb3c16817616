"""The reliability diagram: how often predictions of some confidence are right."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SIDE = 240
_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 12, 20, 52
_COUNT_HEIGHT = 40
_FONT_SIZE = 12
_INK, _GRID = (51, 51, 51), (230, 230, 230)
_BLUE, _GREY = (0, 114, 178), (190, 190, 190)
_TICKS = (0, 50, 100)


def reliability_diagram(bins: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """Draws accuracy against confidence, and the number of items below it.

    The bars of a calibrated model end at the diagonal, those of an overconfident
    one below it. The grey bars show the number of items of each confidence. See
    Guo et al., 2017, figure 4.

    Args:
        bins: For each bin of equal width the number of items, their mean
            confidence and the fraction that is right, as in `Evaluation`.

    Returns:
        The picture, uint8, shape `[H, W, 3]`.
    """
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _COUNT_HEIGHT + _BOTTOM
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    base, foot = _TOP + _SIDE, _TOP + _SIDE + _COUNT_HEIGHT
    for tick in _TICKS:
        offset = _SIDE * tick // 100
        draw.line((_LEFT, base - offset, _LEFT + _SIDE, base - offset), fill=_GRID)
        _write(draw, (_LEFT - 6, base - offset), f"{tick} %", "rm")
        _write(draw, (_LEFT + offset, foot + 6), f"{tick} %", "mt")
    _write(draw, (_LEFT + _SIDE // 2, foot + 26), "confidence; bars: share that is right", "mt")
    most, step = max(1, *(count for count, _, _ in bins)), _SIDE / len(bins)
    for position, (count, _, right) in enumerate(bins):
        left, end = _LEFT + round(position * step) + 1, _LEFT + round((position + 1) * step) - 1
        if count:
            draw.rectangle((left, base - round(right * _SIDE), end, base), fill=_BLUE)
            # A single item among thousands must still be visible.
            length = max(1, round(count / most * (_COUNT_HEIGHT - 6)))
            draw.rectangle((left, foot - length, end, foot), fill=_GREY)
    draw.line((_LEFT, base, _LEFT + _SIDE, _TOP), fill=_INK)
    return np.asarray(picture)


def _write(draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, anchor: str) -> None:
    font = ImageFont.load_default(_FONT_SIZE)
    draw.text(at, text, fill=_INK, font=font, anchor=anchor)
