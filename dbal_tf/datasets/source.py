"""What a data set is before it is split."""

import dataclasses
import hashlib
import math

import numpy as np

from dbal_tf.artifacts import Examples

_BLOCK_BYTES = 2**24  # of pixel values, read at once


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A data set as it was read: items, their classes, and the test items.

    Attributes:
        train: Items that may be trained on.
        train_classes: Their class indices, int64, shape `[n]`; -1 where the
            class is not known.
        test: Items that measure a model.
        test_classes: Their class indices, int64, shape `[m]`.
        class_names: One name per class, in the order of the class indices.
    """

    train: Examples
    train_classes: np.ndarray
    test: Examples
    test_classes: np.ndarray
    class_names: tuple[str, ...]

    def checksum(self) -> str:
        """Returns the SHA-256 of all ids, images and classes, hexadecimal.

        Equal on every machine. An array's shape and type count too.
        """
        digest = hashlib.sha256()
        for examples, classes in (
            (self.train, self.train_classes),
            (self.test, self.test_classes),
        ):
            digest.update("\n".join(examples.ids.tolist()).encode())
            for array in (examples.images, classes.astype("<i8")):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                step = max(1, _BLOCK_BYTES // max(1, math.prod(array.shape[1:])))
                for start in range(0, len(array), step):
                    digest.update(np.ascontiguousarray(array[start : start + step]).data)
        return digest.hexdigest()
