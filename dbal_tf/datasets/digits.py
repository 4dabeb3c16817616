"""The 8x8 handwritten digits that come with scikit-learn: no download.

They are enlarged to 28x28, the size of MNIST's images. Source: Alpaydin and
Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998.
"""

import hashlib

import numpy as np
from sklearn.datasets import load_digits

from dbal_tf.artifacts import Examples
from dbal_tf.core import InputError
from dbal_tf.datasets.source import Source

_SIZE = 28
_MAX_VALUE = 16
_TEST_ITEMS = 597  # a third of 1797, so that 1200 are left
_TEST_SEED = 2017


def load(data_dir: str) -> Source:
    """Returns 1200 training and 597 test digits, 28x28x1.

    The test items are the same in every run: stratified by class, chosen by
    a hash of their ids.

    Args:
        data_dir: Must be empty; the images are part of scikit-learn.

    Raises:
        InputError: A `data_dir` was given.
    """
    if data_dir:
        raise InputError(
            f"--data_dir={data_dir} was given with --dataset=digits, which comes with "
            "scikit-learn and expects no folder; drop --data_dir or name another --dataset."
        )
    bunch = load_digits()
    ids = np.array([f"digits-{position:04d}" for position in range(len(bunch.target))])
    images, classes = _enlarge(bunch.images), bunch.target.astype(np.int64)
    is_test = _is_test(ids, classes)
    return Source(
        Examples(ids[~is_test], images[~is_test]),
        classes[~is_test],
        Examples(ids[is_test], images[is_test]),
        classes[is_test],
        tuple("0123456789"),
    )


def _enlarge(images_nhw: np.ndarray) -> np.ndarray:
    """Resizes values 0 to 16, `[n, h, h]`, to uint8 0 to 255, `[n, 28, 28, 1]`.

    Bilinear interpolation with half-pixel centres and edges repeated, in
    integers, so that all machines round alike.
    """
    size = images_nhw.shape[1]
    weights, unit = _bilinear_weights(size)
    total = np.einsum("ia,nab,jb->nij", weights, images_nhw.astype(np.int64), weights)
    # Adding half of the divisor makes the division round to the nearest.
    full = _MAX_VALUE * unit**2
    rounded = (2 * 255 * total + full) // (2 * full)
    return rounded.astype(np.uint8)[..., np.newaxis]


def _bilinear_weights(size: int) -> tuple[np.ndarray, int]:
    """Returns the integer weights of one axis, `[28, size]`, and their sum per row."""
    unit = 2 * _SIZE
    weights = np.zeros((_SIZE, size), dtype=np.int64)
    for row in range(_SIZE):
        centre = (2 * row + 1) * size - _SIZE  # in units of 1 / (2 * 28) source pixels
        left, share = divmod(centre, unit)
        weights[row, np.clip(left, 0, size - 1)] += unit - share
        weights[row, np.clip(left + 1, 0, size - 1)] += share
    return weights, unit


def _is_test(ids: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Marks the test items: evenly spaced in the order of classes and hashes.

    Evenly spaced items of sorted classes are stratified. Hashes of the ids
    need no random generator, whose numbers a new version of NumPy may change.
    """
    hashes = [hashlib.sha256(f"{_TEST_SEED}/{item}".encode()).hexdigest() for item in ids]
    by_class = np.lexsort((np.array(hashes), classes))
    is_test = np.zeros(len(ids), dtype=bool)
    is_test[by_class[np.arange(_TEST_ITEMS) * len(ids) // _TEST_ITEMS]] = True
    return is_test
