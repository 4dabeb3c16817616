"""What passes between the steps of the pipeline: blocks of items, not single ones.

Each element costs a step microseconds. For single images of 28 x 28 pixels this would be
as much as scoring them.
"""

import dataclasses
from typing import NamedTuple

import numpy as np


class Bad(NamedTuple):
    """A record or a file that could not be scored.

    Attributes:
        place: Its file, and for a record its number in the file.
        reason: What is wrong, in the same words whenever the cause is the same.
    """

    place: str
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Items that are scored together.

    Attributes:
        ids: Their ids.
        images: Pixel values, uint8, shape `[n, h, w, k]`.
    """

    ids: tuple[str, ...]
    images: np.ndarray

    def select(self, wanted: frozenset[str]) -> "Block":
        """Returns the items whose ids are wanted."""
        rows = [row for row, item in enumerate(self.ids) if item in wanted]
        return Block(tuple(self.ids[row] for row in rows), self.images[rows])


@dataclasses.dataclass(frozen=True, eq=False)
class Ranked:
    """Items with their sort keys: highest `keys` first, then highest `ties`.

    Attributes:
        ids: Their ids, `[n]`.
        scores: The acquisition function's values, float64 `[n]`.
        keys: What decides the rank, float64 `[n]`: the score, perturbed or not.
        ties: What decides among equal keys, float64 `[n]`.
    """

    ids: np.ndarray
    scores: np.ndarray
    keys: np.ndarray
    ties: np.ndarray

    @classmethod
    def joined(cls, parts: "list[Ranked]") -> "Ranked":
        """Returns the items of one or more parts, one after the other."""
        fields = dataclasses.fields(cls)
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields))

    def best(self, count: int) -> "Ranked":
        """Returns the items with the highest ranks, at most `count`, best first."""
        order = np.lexsort((-self.ties, -self.keys))[:count]
        return Ranked(*(getattr(self, f.name)[order] for f in dataclasses.fields(self)))
