"""SIGINT and SIGTERM as an exception that never cuts a write in two."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_state = {"shielded": False, "pending": 0}


class Interrupted(BaseException):
    """The user or the system asked the program to stop.

    Attributes:
        status: The exit status that says so, 128 plus the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


def _handle(number: int, frame: Any) -> None:
    del frame
    if _state["shielded"]:
        _state["pending"] = number
    else:
        raise Interrupted(number)


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Turns SIGINT and SIGTERM into `Interrupted` inside the block."""
    previous = {number: signal.signal(number, _handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def finish_first() -> Iterator[None]:
    """Holds a signal back until the block has ended."""
    _state.update(shielded=True, pending=0)
    try:
        yield
    finally:
        _state["shielded"] = False
    if number := _state["pending"]:
        raise Interrupted(number)
