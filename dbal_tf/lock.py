"""One process at a time per run folder."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator

from dbal_tf.core import InputError

FILE_NAME = ".lock"


@contextlib.contextmanager
def hold(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other processes out of a folder for the length of the block.

    The system frees the lock of a process however it ends, so the file that
    names the holder may stay behind; only the lock on it counts.

    Args:
        folder: An existing folder, which has or gets a file `.lock`.

    Raises:
        InputError: Another process holds it; the message says which.
    """
    with open(folder / FILE_NAME, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise InputError(
                f"--run_dir={folder} is in use by {holder}; wait until it has ended or choose "
                "another folder."
            ) from None
        since = datetime.datetime.now(datetime.UTC).isoformat(" ", timespec="seconds")
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {since}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
