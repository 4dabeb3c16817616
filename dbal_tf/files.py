"""Writing files so that a reader never sees half of one."""

import os
import pathlib


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
    with open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def sync(*paths: pathlib.Path) -> None:
    """Makes sure that files and the names in folders outlast a loss of power."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
