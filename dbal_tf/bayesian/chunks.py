"""How many images a network takes at once."""

import math
from collections.abc import Sequence

# Sizes that bound the memory, whatever the number of images.
_ITEMS = 2000  # images in a chunk at most; convolutions run best from 500 up
_VALUES = 2**22  # pixel values in a chunk at most: large images have large activations


def chunk_size(image_shape: Sequence[int]) -> int:
    """Returns the number of images of shape `[h, w, k]` in a chunk of one replica.

    >>> chunk_size((28, 28, 1)), chunk_size((224, 224, 3))
    (2000, 27)
    """
    return max(1, min(_ITEMS, _VALUES // math.prod(image_shape)))
