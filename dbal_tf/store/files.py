"""Writing files so that a reader never sees half of one, and their digests."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
from collections.abc import Iterator


def write_atomically(path: pathlib.Path, content: bytes | str) -> None:
    """Writes a file beside its final place, then renames it there.

    Args:
        path: Where the file shall be; its folder is made if need be.
        content: Text is written as UTF-8.

    Raises:
        OSError: The file could not be written; what stood there still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    data = content.encode() if isinstance(content, str) else content
    with _one_writer(path.parent):
        try:
            with open(partial, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            # On a full disk the half that was written would keep the room.
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


@contextlib.contextmanager
def _one_writer(folder: pathlib.Path) -> Iterator[None]:
    """Waits until no other process writes here: both would have the same partial."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # Network folders may not be lockable.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def digest(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file, or of a folder's files and their names.

    Raises:
        OSError: There is no such file or folder, or it cannot be read.
    """
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(below for below in path.rglob("*") if below.is_file())
    lines = [f"{file.relative_to(path).as_posix()}\0{digest(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sync(*paths: pathlib.Path) -> None:
    """Makes sure that files and the names in folders outlast a loss of power."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
