"""A data set as it is loaded, before it is split."""

import dataclasses
import hashlib
import math
from collections.abc import Sequence

import numpy as np

from dbal_tf.artifacts import Examples
from dbal_tf.core import InputError

_BLOCK_BYTES = 2**24  # of pixel values, read at once


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Training and test items with their classes.

    Attributes:
        train: Training items.
        train_classes: Their class indices, int64, shape `[n]`; -1 where the
            class is unknown.
        test: Test items.
        test_classes: Their class indices, int64, shape `[m]`.
        class_names: One name per class, in the order of the class indices.
    """

    train: Examples
    train_classes: np.ndarray
    test: Examples
    test_classes: np.ndarray
    class_names: tuple[str, ...]

    def of_classes(self, names: Sequence[str]) -> "Source":
        """Returns the items of some classes, numbered in the order of `names`.

        Items whose class is unknown are left out.

        Raises:
            InputError: There is no class with one of the names.
        """
        if unknown := [name for name in names if name not in self.class_names]:
            raise InputError(
                f"--classes={','.join(names)} names {unknown[0]}, which is not a class of the "
                f"data set; expected some of {', '.join(self.class_names)}."
            )
        # One entry more than classes: index -1, an unknown class, refers to it.
        numbers = np.full(len(self.class_names) + 1, -1)
        numbers[[self.class_names.index(name) for name in names]] = np.arange(len(names))

        def kept(items: Examples, classes: np.ndarray) -> tuple[Examples, np.ndarray]:
            renumbered = numbers[classes]
            return items.select(items.ids[renumbered >= 0]), renumbered[renumbered >= 0]

        return Source(
            *kept(self.train, self.train_classes),
            *kept(self.test, self.test_classes),
            tuple(names),
        )

    def checksum(self) -> str:
        """Returns the SHA-256 of all ids, images and classes, hexadecimal.

        It covers shapes and dtypes, too, and is the same on all machines.
        """
        digest = hashlib.sha256()
        for examples, classes in (
            (self.train, self.train_classes),
            (self.test, self.test_classes),
        ):
            digest.update("\n".join(examples.ids.tolist()).encode())
            # Little-endian on all machines; images are bytes.
            for array in (examples.images, classes.astype("<i8")):
                digest.update(f"{np.dtype(array.dtype).str}{array.shape}".encode())
                # In blocks, because images may be larger than memory.
                step = max(1, _BLOCK_BYTES // max(1, math.prod(array.shape[1:])))
                for start in range(0, len(array), step):
                    digest.update(np.ascontiguousarray(array[start : start + step]).data)
        return digest.hexdigest()
