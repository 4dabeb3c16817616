"""The number of images that a network processes at once."""

import math
from collections.abc import Sequence

# Limits that bound the memory for any number of images.
_ITEMS = 2000  # maximum images in a chunk; convolutions are fastest from 500 on
_VALUES = 2**22  # maximum pixel values in a chunk: large images have large activations


def chunk_size(image_shape: Sequence[int]) -> int:
    """Returns the number of images of shape `[h, w, k]` in one replica's chunk.

    >>> chunk_size((28, 28, 1)), chunk_size((224, 224, 3))
    (2000, 27)
    """
    return max(1, min(_ITEMS, _VALUES // math.prod(image_shape)))
