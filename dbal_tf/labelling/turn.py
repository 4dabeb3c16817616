"""One page server per run at a time, and how a signal ends it."""

import contextlib
import fcntl
import os
import pathlib
import signal
import time
from collections.abc import Callable, Iterator

from dbal_tf.store.layout import PAGE_LOCK_FILE

_LOOK_EVERY = 0.2  # seconds

Wait = Callable[[float | None], int | None]
"""Waits so many seconds for a signal (None: until there is one), and returns its number."""


@contextlib.contextmanager
def signals_held() -> Iterator[Wait]:
    """Records SIGINT and SIGTERM in the block instead of letting them end the program.

    An answer that is being committed is then not interrupted. Yields a function that
    waits for a signal; it returns None if there was none in time.
    """
    caught: list[int] = []

    def wait(seconds: float | None) -> int | None:
        # In short sleeps, because a signal does not end a longer one if the system gives it
        # to another thread, such as one of NumPy's. The handler runs between two sleeps.
        until = None if seconds is None else time.monotonic() + seconds
        while not caught and (until is None or time.monotonic() < until):
            time.sleep(_LOOK_EVERY if seconds is None else min(_LOOK_EVERY, seconds))
        return caught.pop() if caught else None

    before = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def turn(run_dir: pathlib.Path) -> Iterator[bool]:
    """Holds the right to serve a run's page; False if another process holds it.

    Two servers would lease the same item to two people.
    """
    with open(run_dir / PAGE_LOCK_FILE, "a", encoding="utf-8") as file:
        try:
            # A lock of the operating system, which is released if the process is killed.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def wait_for_turn(run_dir: pathlib.Path, say_so: Callable[[], None], wait: Wait) -> int | None:
    """Waits until no other process serves the run's page.

    Args:
        run_dir: The run's folder.
        say_so: Called once, if another process serves it.
        wait: From `signals_held`.

    Returns:
        None when no other process serves it; the number of a signal that came before
        that; or 0 if the process that started this one has ended and nobody needs the
        page any more.
    """
    parent, is_said = os.getppid(), False
    while True:
        with turn(run_dir) as is_ours:
            if is_ours:
                return None
        if not is_said:
            say_so()
            is_said = True
        if number := wait(_LOOK_EVERY):
            return number
        if os.getppid() != parent:
            return 0
