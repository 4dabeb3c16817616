"""A data set as it is loaded, before it is split."""

import dataclasses
import hashlib
import math
from collections.abc import Sequence

import numpy as np

from dbal_tf.artifacts import Examples
from dbal_tf.core import Findings, InputError
from dbal_tf.datasets.splits import draw_groups

_BLOCK_BYTES = 2**24  # of pixel values, read at once

ENOUGH = 0.95
"""The share of a set that whole groups fill without a note."""


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
        groups: Equal numbers for training items that must not be on both sides of
            a split, int64, shape `[n]`; None: each item is alone.
        findings: What was found in a folder of images.
    """

    train: Examples
    train_classes: np.ndarray
    test: Examples
    test_classes: np.ndarray
    class_names: tuple[str, ...]
    groups: np.ndarray | None = None
    findings: Findings = dataclasses.field(default_factory=Findings)

    def of_classes(self, names: Sequence[str], keep_unknown: bool = False) -> "Source":
        """Returns the items of some classes, numbered in the order of `names`.

        Args:
            names: The classes.
            keep_unknown: Whether items whose class is unknown are kept.

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

        def chosen(classes: np.ndarray) -> np.ndarray:
            return (numbers[classes] >= 0) | (keep_unknown & (classes < 0))

        def kept(items: Examples, classes: np.ndarray) -> tuple[Examples, np.ndarray]:
            rows = chosen(classes)
            return items.select(items.ids[rows]), numbers[classes][rows]

        return Source(
            *kept(self.train, self.train_classes),
            *kept(self.test, self.test_classes),
            tuple(names),
            None if self.groups is None else self.groups[chosen(self.train_classes)],
            self.findings,
        )

    def hold_out(self, size: int, seed: int) -> "Source":
        """Returns the source with a test set drawn from the training items, by group.

        Args:
            size: Number of items; fewer if no group is left that fits. If clearly fewer
                are drawn, a note in the findings says why.
            seed: Decides which items are drawn.

        Raises:
            InputError: No group fits.
        """
        groups = np.arange(len(self.train)) if self.groups is None else self.groups
        rng = np.random.Generator(np.random.PCG64(seed))
        drawn = draw_groups(rng.permutation(len(groups)), groups, size)
        held = self.with_test(np.isin(np.arange(len(groups)), drawn))
        if len(drawn) >= ENOUGH * size:
            return held
        numbers, counts = np.unique(groups, return_counts=True)
        largest = self.train.ids[groups == numbers[counts.argmax()]].tolist()
        why = (
            "as near copies and groups stay together and the largest group has "
            f"{len(largest)} images, such as {largest[0]} and {largest[-1]}"
        )
        if not len(drawn):
            raise InputError(
                f"A test set of {size} of the {len(groups)} images cannot be drawn, {why}; "
                "give another --test_size, or --near_copies=ignore if the group is of images "
                "that only look alike."
            )
        note = (
            f"The test set has {len(drawn)} images and not {size}, {why}; near_copies.csv "
            "lists near copies; --near_copies=ignore is for images that only look alike."
        )
        return dataclasses.replace(held, findings=self.findings.with_note(note))

    def with_test(self, is_test: np.ndarray) -> "Source":
        """Returns the source with some of its training items as test items.

        Args:
            is_test: Marks the test items, bool, shape `[n]`.
        """
        return dataclasses.replace(
            self,
            train=self.train.select(self.train.ids[~is_test]),
            train_classes=self.train_classes[~is_test],
            test=self.train.select(self.train.ids[is_test]),
            test_classes=self.train_classes[is_test],
            groups=None if self.groups is None else self.groups[~is_test],
        )

    def checksum(self) -> str:
        """Returns the SHA-256 of all ids, images and classes, hexadecimal.

        It also covers shapes and dtypes, and is the same on all machines.
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
