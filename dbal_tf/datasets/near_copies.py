"""Near copies among images: re-encoded, resized, brighter, or in other colours.

With near copies on both sides of a split, a test would measure what was memorised.
Mirrored, rotated and cropped copies are not found.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse

THUMBNAIL = 32  # pixels a side

_MIN_BRIGHTNESS, _MIN_EDGES = 0.97, 0.94
_COARSE = 8  # cells a side, for the candidates
_MIN_COARSE = 0.96
_BLOCK = 256  # images that are compared with all others at once
_FLATTEST = 4.0  # standard deviation of grey values below which there is nothing to compare


def group_near_copies(thumbnails: np.ndarray) -> np.ndarray:
    """Returns a group for each image, the same for near copies and for their near copies.

    Two images are near copies if the correlation of their thumbnails is at least
    0.97, and that of the differences between neighbouring pixels at least 0.94.
    Neither depends on brightness and contrast. The second tells apart images that
    are alike only in rough outline, such as two moles in the middle of skin. Images
    without any structure are near copies if their thumbnails are equal.

    Candidates are found on block means of 8x8 cells, 256 images against all others
    in one matrix product: about n² x 64 multiplications and n x 256 values.

    Args:
        thumbnails: Grey images of 32x32 pixels, uint8, shape `[n, 32, 32]`.

    Returns:
        Group numbers from 0 in the order of first members, int64, shape `[n]`.
    """
    if not len(thumbnails):
        return np.zeros(0, np.int64)
    flat = thumbnails.reshape(len(thumbnails), -1)
    # Equal images are compared once: a thousand of them would be half a million pairs.
    seen: dict[bytes, int] = {}
    distinct = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in flat])
    groups = _connect(flat[np.unique(distinct, return_index=True)[1]])[distinct]
    return _numbered(groups)


def merge_groups(groups: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns groups in which images of one name are together, too.

    Args:
        groups: Group numbers from 0, int64, shape `[n]`.
        names: The name of each image's other group, such as a patient; empty: none.

    Returns:
        Group numbers from 0 in the order of first members, int64, shape `[n]`.

    >>> merge_groups(np.array([0, 1, 1, 2]), ["a", "", "b", "a"]).tolist()
    [0, 1, 1, 0]
    """
    first: dict[str, int] = {}
    right = np.array([row for row, name in enumerate(names) if name], np.int64)
    left = np.array([first.setdefault(names[row], row) for row in right], np.int64)
    return _numbered(_joined(groups, left, right))


def _connect(flat: np.ndarray) -> np.ndarray:
    """Returns a group for each of some distinct thumbnails, `[m, 1024]`."""
    brightness, edges = _unit(flat), _unit(_differences(flat))
    cells = THUMBNAIL // _COARSE
    coarse = _unit(flat.reshape(-1, _COARSE, cells, _COARSE, cells).mean((2, 4)))
    # Images without structure correlate with nothing.
    coarse[flat.std(axis=1) < _FLATTEST] = 0
    groups = np.arange(len(flat))
    for start in range(0, len(flat), _BLOCK):
        likeness = coarse[start : start + _BLOCK] @ coarse[start:].T
        left, right = np.nonzero(np.triu(likeness >= _MIN_COARSE, 1))
        left, right = left + start, right + start
        for each, least in ((brightness, _MIN_BRIGHTNESS), (edges, _MIN_EDGES)):
            alike = _correlations(each, left, right) >= least
            left, right = left[alike], right[alike]
        if len(left):
            groups = _joined(groups, left, right)
    return groups


def _numbered(groups: np.ndarray) -> np.ndarray:
    """Returns groups with numbers from 0 in the order of first members."""
    _, starts, numbers = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(starts)).astype(np.int64)[numbers]


def _unit(values: np.ndarray) -> np.ndarray:
    """Returns rows of mean 0 and length 1, so that products are correlations."""
    rows = values.reshape(len(values), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _differences(flat: np.ndarray) -> np.ndarray:
    # At half the size, because compression changes the finest detail of small images.
    half = THUMBNAIL // 2
    images = flat.reshape(-1, half, 2, half, 2).mean((2, 4), dtype=np.float32)
    down, across = np.diff(images, axis=1), np.diff(images, axis=2)
    return np.concatenate([down.reshape(len(flat), -1), across.reshape(len(flat), -1)], axis=1)


def _correlations(rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    # In parts, because the thumbnails of millions of pairs take gigabytes.
    step = 2**14
    parts = [
        np.einsum("ij,ij->i", rows[left[at : at + step]], rows[right[at : at + step]])
        for at in range(0, len(left), step)
    ]
    return np.concatenate([*parts, np.zeros(0, np.float32)])


def _joined(groups: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    edges = np.ones(len(left), bool), (groups[left], groups[right])
    graph = scipy.sparse.coo_array(edges, (len(groups), len(groups)))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1][groups]
