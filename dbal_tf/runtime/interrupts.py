"""SIGINT and SIGTERM as an exception that never cuts a write in two."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_state = {"shielded": False, "asked": 0}


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
    _state["asked"] = number
    if not _state["shielded"]:
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
    """Holds a signal back until the block has ended.

    Ends with a signal that came before it, too: a library's callback may have
    swallowed its exception.
    """
    _state["shielded"] = True
    try:
        yield
    finally:
        _state["shielded"] = False
    if number := _state["asked"]:
        raise Interrupted(number)
