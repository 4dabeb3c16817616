"""Leases: which annotator has which item on the screen."""

import time
from collections.abc import Callable

SECONDS = 120.0


class Leases:
    """Gives each item to one annotator at a time, for two minutes.

    Leases are kept in memory only. After a restart of the server all items are free;
    if two people then give an item different classes, it is listed as a conflict.

    Args:
        clock: Returns seconds; monotonic, so that setting the system's clock ends no lease.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, tuple[str, float]] = {}

    def take(self, item: str, annotator: str) -> bool:
        """Leases an item, or renews the lease; False if somebody else has it."""
        if not self.is_free(item, annotator):
            return False
        self._held[item] = annotator, self._clock() + SECONDS
        return True

    def is_free(self, item: str, annotator: str) -> bool:
        """Returns whether nobody else has the item."""
        holder, until = self._held.get(item, (annotator, 0.0))
        return holder == annotator or until <= self._clock()

    def holder(self, item: str) -> str:
        """Returns who has the item; empty: nobody."""
        holder, until = self._held.get(item, ("", 0.0))
        return holder if until > self._clock() else ""

    def end(self, item: str) -> None:
        """Ends the lease of an item that was answered."""
        self._held.pop(item, None)
