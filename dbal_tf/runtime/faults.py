"""Sentences for the user about errors that end the program."""

import errno
import pathlib
import re
import shutil

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EROFS, errno.EACCES, errno.EPERM}
_LITTLE = 2**20  # bytes; if fewer are free, a failed write means a full disk


def sentence(error: Exception, run_dir: str) -> str:
    """Returns one sentence that says what happened and what to do.

    Recognizes a full disk and a folder that cannot be written. Python, SQLite
    and TensorFlow raise different errors for these.

    Args:
        error: The error that ended the run.
        run_dir: The run's folder.
    """
    kept = f"nothing committed in --run_dir={run_dir} is lost; "
    if _is_no_room(error, pathlib.Path(run_dir)):
        return f"The disk is full; {kept}make room and give the same command again."
    if _number(error) in _NOT_ALLOWED or _says(error, "readonly database|Read-only file"):
        what = getattr(error, "filename", None) or run_dir
        return f"{what} cannot be written; {kept}allow it and give the same command again."
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} (--verbosity=1 shows where)"


def _is_no_room(error: Exception, folder: pathlib.Path) -> bool:
    said = "No space left on device|disk is full|Disk quota exceeded"
    if _number(error) in _NO_ROOM or _says(error, said):
        return True
    # SQLite and TensorFlow do not always say why a write failed, so the disk is checked.
    if not _says(error, "disk I/O error|[Ff]ailed to|[Ww]rit"):
        return False
    return folder.exists() and shutil.disk_usage(folder).free < _LITTLE


def _number(error: Exception) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _says(error: Exception, pattern: str) -> bool:
    return re.search(pattern, str(error)) is not None
