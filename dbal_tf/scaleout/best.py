"""The combiner that keeps the best items, in bounded memory."""

from collections.abc import Iterable

import apache_beam as beam
import numpy as np

from dbal_tf.scaleout.blocks import Ranked

_NONE = Ranked(np.empty(0, object), np.empty(0), np.empty(0), np.empty(0))


class Best(beam.CombineFn):
    """Keeps the items with the highest ranks of any number of blocks.

    The result depends neither on how items are divided into blocks nor on the order of
    the blocks: ranks are decided by scores and ids alone.

    Args:
        count: How many items to keep.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def create_accumulator(self) -> list[Ranked]:
        """Returns an empty list of parts."""
        return []

    def add_input(self, parts: list[Ranked], block: Ranked) -> list[Ranked]:
        """Returns the parts and one more block; drops items that cannot be among the best."""
        parts.append(block)
        # Rarely, because sorting takes longer than adding: only if there were more than twice
        # as many items as are kept before this block.
        if sum(len(part.ids) for part in parts) > 2 * self._count + len(block.ids):
            parts = self.compact(parts)
        return parts

    def merge_accumulators(self, accumulators: Iterable[list[Ranked]]) -> list[Ranked]:
        """Returns the best items of several workers' parts."""
        merged: list[Ranked] = []
        for parts in accumulators:
            merged = self.compact(merged + parts)
        return merged

    def compact(self, parts: list[Ranked]) -> list[Ranked]:
        """Returns the best items of the parts as one part."""
        return [Ranked.joined(parts).best(self._count)] if parts else []

    def extract_output(self, parts: list[Ranked]) -> Ranked:
        """Returns the best items, best first."""
        return (self.compact(parts) or [_NONE])[0]
