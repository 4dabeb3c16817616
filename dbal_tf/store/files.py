"""Atomic writes, files of arrays, and digests of files."""

import contextlib
import fcntl
import hashlib
import io
import os
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

BROKEN_ARRAYS = (
    *(OSError, EOFError, ValueError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError, tokenize.TokenError),
)
"""Every error that zipfile and NumPy raise for broken files and other formats."""


def write_atomically(path: pathlib.Path, content: bytes | str) -> None:
    """Writes a file under another name, then renames it: no reader sees a partial file.

    Args:
        path: The file; its folder is created if it does not exist.
        content: Text is written as UTF-8.

    Raises:
        OSError: The file could not be written; an existing one is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    data = content.encode() if isinstance(content, str) else content
    with _one_writer(path.parent):
        try:
            with open(partial, "wb") as file:
                file.write(data)
                file.flush()
                # The data first, then the name: after a power loss the name could
                # otherwise refer to an empty file.
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            # On a full disk, the partial file would take up the remaining space.
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


@contextlib.contextmanager
def _one_writer(folder: pathlib.Path) -> Iterator[None]:
    """Waits until no other process writes to the folder."""
    # Two writers of one file would write to the same partial file. The folder itself is
    # locked, because a lock file would be one more file in it.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # Network file systems may not support locks.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def npz(arrays: Mapping[str, Any], compressed: bool = False) -> bytes:
    """Returns the content of an `.npz` file with these arrays, by their names."""
    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, **arrays)
    return content.getvalue()


def digest(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file, or of the names and contents of a folder's files.

    Raises:
        OSError: There is no such file or folder, or it cannot be read.
    """
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    # Sorted, because the file system lists them in any order.
    files = sorted(below for below in path.rglob("*") if below.is_file())
    lines = [f"{file.relative_to(path).as_posix()}\0{digest(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sync(*paths: pathlib.Path) -> None:
    """Forces files, and the entries of folders, onto the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
