"""Finds the image files below a folder."""

import os
import pathlib
import stat
import unicodedata
from typing import NamedTuple

from dbal_tf.store.layout import BEGUN_FILE, FLAGS_FILE, STORE_FILE

_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# Image formats that are not supported: the user is told that such files are not used.
_OTHER_FORMATS = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".svg", ".eps", ".dcm")
SUFFIXES = ", ".join(_SUFFIXES)


class ImageFile(NamedTuple):
    """An image file as it was found.

    Attributes:
        id: Path relative to the folder, with `/` on all systems.
        size: Bytes.
        mtime_ns: Time of the last change of the content, nanoseconds.
        ctime_ns: Time of the last change of the file, its name included. It shows that
            two files of equal size and `mtime_ns` have changed places.
        inode: Number of the file in its file system.
    """

    id: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def find_images(folder: pathlib.Path) -> tuple[list[ImageFile], dict[str, str]]:
    """Returns the image files below a folder, sorted by id, and what is set aside.

    Skips hidden files and folders, files without an image's suffix, and sub-folders
    with runs of this program, whose figures are images. Does not follow links to
    folders.

    Args:
        folder: The folder, without links in its own path.

    Returns:
        The files, and the reason why a file cannot be used, by its id.
    """
    files: list[ImageFile] = []
    set_aside: dict[str, str] = {}

    def refuse(path: pathlib.Path, reason: str) -> None:
        # A name that is not UTF-8 could not be written into a file of text.
        item = path.relative_to(folder).as_posix()
        set_aside[item.encode("utf-8", "backslashreplace").decode()] = reason

    def refuse_folder(error: OSError) -> None:
        refuse(pathlib.Path(error.filename), f"it cannot be read ({error.strerror})")

    for where, folders, names in os.walk(folder, onerror=refuse_folder):
        base = pathlib.Path(where)
        folders[:] = [
            name for name in folders if not name.startswith(".") and not _is_run(base / name)
        ]
        for name in folders:
            if (base / name).is_symlink():
                refuse(base / name, "it is a link to a folder")
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or suffix not in _SUFFIXES + _OTHER_FORMATS:
                continue
            path = base / name
            found: ImageFile | str = "it is not a JPEG, PNG, BMP, GIF, WebP or TIFF"
            if suffix in _SUFFIXES:
                found = _look(path, path.relative_to(folder).as_posix(), folder)
            if isinstance(found, str):
                refuse(path, found)
            else:
                files.append(found)
    return sorted(files), set_aside


def _is_run(folder: pathlib.Path) -> bool:
    """Returns whether a folder is that of a run, or of several runs in folders below it."""
    if not (folder / FLAGS_FILE).is_file():
        return False
    return any(next(folder.rglob(name), None) for name in (STORE_FILE, BEGUN_FILE))


def _look(path: pathlib.Path, item: str, folder: pathlib.Path) -> ImageFile | str:
    """Returns the file, or the reason why it cannot be used."""
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in item):
        return "its name has control characters or is not UTF-8"
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(folder):
            return "it is a link out of the folder"
        state = path.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
        return f"it cannot be read ({getattr(error, 'strerror', None) or 'a circle of links'})"
    if not stat.S_ISREG(state.st_mode):
        return "it is not a file"
    # A file system may have larger numbers than the index can hold.
    times = state.st_mtime_ns, state.st_ctime_ns
    return ImageFile(item, state.st_size, *times, state.st_ino % 2**63)
