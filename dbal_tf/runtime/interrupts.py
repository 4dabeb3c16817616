"""SIGINT and SIGTERM as an exception, which is never raised during a write."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# `shields`: how many `finish_first` blocks are open. `asked`: the number of the
# last signal, 0 for none. Signal handlers are global, and so is their state.
_state = {"shields": 0, "asked": 0}


# A BaseException, like KeyboardInterrupt: `except Exception` in a library does not catch it.
class Interrupted(BaseException):
    """The user or the system asked the program to stop.

    Attributes:
        status: Exit status of the program, 128 plus the signal's number.
    """

    def __init__(self, number: int) -> None:
        name = signal.Signals(number).name
        super().__init__(f"Paused (stopped by {name}); nothing is lost.")
        self.status = 128 + number


def _handle(number: int, frame: Any) -> None:
    del frame
    _state["asked"] = number
    if not _state["shields"]:
        raise Interrupted(number)


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Turns SIGINT and SIGTERM into `Interrupted` inside the block."""
    _state["asked"] = 0
    previous = {number: signal.signal(number, _handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        _state["asked"] = 0


@contextlib.contextmanager
def finish_first() -> Iterator[None]:
    """Delays signals until the block ends; if blocks are nested, the outermost one.

    `Interrupted` is raised at the end of the block. A signal that came before the
    block counts too, because a library's callback may have swallowed its exception.
    """
    _state["shields"] += 1
    try:
        yield
    finally:
        _state["shields"] -= 1
    # Not in `finally`: an error in the block takes precedence.
    if (number := _state["asked"]) and not _state["shields"]:
        raise Interrupted(number)
