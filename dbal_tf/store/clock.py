"""Times the components of a round, for the lineage and the learning curve."""

import time
from collections.abc import Callable
from typing import TypeVar

from absl import logging

from dbal_tf.core import SeedFor
from dbal_tf.store.writer import Execution

T = TypeVar("T")


class Clock:
    """Calls components; notes how long they took and which seeds they asked for.

    Args:
        seed_for: Gives the round's seed for a purpose.

    Attributes:
        seconds: Wall time by phase.
        executions: The calls, in order.
    """

    def __init__(self, seed_for: SeedFor) -> None:
        self._seed_for = seed_for
        self.seconds: dict[str, float] = {}
        self.executions: list[Execution] = []

    def __call__(self, phase: str, component: object, call: Callable[[SeedFor], T]) -> T:
        """Returns what a call returns.

        Args:
            phase: One of `artifacts.PHASES`.
            component: What is called; its class names the execution.
            call: Does it, given a function from purposes to seeds.
        """
        seeds: dict[str, int] = {}

        def take(purpose: str) -> int:
            seeds[purpose] = self._seed_for(purpose)
            return seeds[purpose]

        logging.debug("phase: %s", phase)
        start = time.perf_counter()
        result = call(take)
        spent = time.perf_counter() - start
        self.seconds[phase] = self.seconds.get(phase, 0.0) + spent
        self.executions.append(Execution(type(component).__name__, seeds, spent))
        return result
