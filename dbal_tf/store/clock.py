"""Times and seeds of the components of a round, for the lineage and the learning curve."""

import time
from collections.abc import Callable
from typing import TypeVar

from absl import logging

from dbal_tf.core import SeedFor
from dbal_tf.store.writer import Execution

T = TypeVar("T")


class Clock:
    """Calls components and records how long each took and which seeds it used.

    Args:
        seed_for: Maps a purpose to the round's seed for it.

    Attributes:
        seconds: Wall time by phase.
        executions: One per call, in order.
    """

    def __init__(self, seed_for: SeedFor) -> None:
        self._seed_for = seed_for
        self.seconds: dict[str, float] = {}
        self.executions: list[Execution] = []

    def __call__(self, phase: str, component: object, call: Callable[[SeedFor], T]) -> T:
        """Calls a component and returns its result.

        Args:
            phase: One of `artifacts.PHASES`.
            component: The component; the execution is recorded under the name of
                its class.
            call: Runs the component, given a function from purposes to seeds.
        """
        seeds: dict[str, int] = {}

        # Seeds are recorded when they are used, so the lineage never lists an unused one.
        def take(purpose: str) -> int:
            seeds[purpose] = self._seed_for(purpose)
            return seeds[purpose]

        logging.debug("phase: %s", phase)
        start = time.perf_counter()
        result = call(take)
        spent = time.perf_counter() - start
        # A phase may have several calls: the choice of the weight decay is training, too.
        self.seconds[phase] = self.seconds.get(phase, 0.0) + spent
        self.executions.append(Execution(type(component).__name__, seeds, spent))
        return result
