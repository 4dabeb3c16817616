"""A lock on a run's folder: one process at a time."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator
from typing import TextIO

from dbal_tf.core import InputError
from dbal_tf.store.layout import LOCK_FILE


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


def _locked(path: pathlib.Path) -> TextIO:
    # flock, not the existence of the file: the system releases it however the process
    # ends, so that a run that was killed leaves no stale lock behind.
    while True:
        # Appending, because "w" would erase the name of a holder.
        file = open(path, "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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
