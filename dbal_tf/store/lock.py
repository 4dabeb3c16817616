"""One process at a time per run folder."""

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
    """Keeps other processes out of a folder for the length of the block.

    The system frees the lock of a process however it ends, so the file that
    names the holder may stay behind; only the lock on it counts.

    Args:
        folder: An existing folder, which has a file `.lock` meanwhile.

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
    while True:
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
        # The holder before may have removed the file after it was opened here.
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
        file.close()
