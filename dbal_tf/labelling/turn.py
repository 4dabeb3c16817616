"""One page server per run at a time, and how a signal ends it."""

import contextlib
import fcntl
import os
import pathlib
import signal
from collections.abc import Callable, Iterator

from dbal_tf.store.layout import PAGE_LOCK_FILE

_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
_LOOK_EVERY = 0.2  # seconds


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Blocks SIGINT and SIGTERM in this thread and those it starts; `wait` receives them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait(seconds: float | None = None) -> int | None:
    """Waits for a signal that `signals_held` blocks.

    No handler runs, so an answer that is being committed is not interrupted.

    Args:
        seconds: How long to wait; None: until there is a signal.

    Returns:
        Its number, or None if there was none.
    """
    if seconds is None:
        return signal.sigwait(_SIGNALS)
    caught = signal.sigtimedwait(_SIGNALS, seconds)
    return None if caught is None else caught.si_signo


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


def wait_for_turn(run_dir: pathlib.Path, say_so: Callable[[], None]) -> int | None:
    """Waits until no other process serves the run's page.

    Args:
        run_dir: The run's folder.
        say_so: Called once, if another process serves it.

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
