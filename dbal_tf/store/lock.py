"""A lock on a run's folder: one process at a time."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import TextIO

from dbal_tf.core import InputError
from dbal_tf.store.layout import LOCK_FILE

_ATTEMPTS, _PAUSE = 3, 0.05  # seconds


@contextlib.contextmanager
def hold(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes out of a folder while the block runs.

    Args:
        folder: An existing folder; the lock is on its file `.lock`.

    Raises:
        InputError: Another process holds it; the message says which.
    """
    path = folder / LOCK_FILE
    with _locked(path) as file:
        since = datetime.datetime.now(datetime.UTC).isoformat(" ", timespec="seconds")
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}\n")
            file.flush()
            yield
        finally:
            path.unlink(missing_ok=True)


def is_held(folder: pathlib.Path) -> bool:
    """Returns whether a process holds the lock on a folder, as far as can be known."""
    try:
        with open(folder / LOCK_FILE, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _locked(path: pathlib.Path) -> TextIO:
    # flock, not the existence of the file: the system releases it however the process
    # ends, so a killed run leaves no stale lock.
    attempts = 0
    while True:
        # Mode "a+", because "w" would erase the holder's name.
        file = open(path, "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # `is_held` in another process may hold the lock for a moment.
            if (attempts := attempts + 1) < _ATTEMPTS:
                file.close()
                time.sleep(_PAUSE)
                continue
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise InputError(
                f"--run_dir={path.parent} is in use by {holder}; wait until it has ended or "
                "choose another folder."
            ) from None
        # The previous holder may have removed the file after it was opened here: a lock on
        # a removed file keeps nobody out.
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()
