"""Checks of a run's folder, made before anything is written to it."""

import os
import pathlib
from collections.abc import Collection

from dbal_tf.config import Config
from dbal_tf.config.flagfile import differing_flags
from dbal_tf.core import InputError
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import CURVE_FILE, FLAGS_FILE, STORE_FILE
from dbal_tf.store.reader import RunReader


def check_run_dir(
    config: Config, free: Collection[str] = (), beside: Collection[str] = ()
) -> None:
    """Checks that a run may write to its folder; changes nothing on disk.

    Args:
        config: The settings.
        free: Settings that may differ from those of the folder's flags.
        beside: Names of files that a folder without flags may hold.

    Raises:
        InputError: The folder cannot be written, holds something else, or
            holds a run with other flags, which the message names.
    """
    folder = pathlib.Path(config.run_dir)
    try:
        existing = next(p for p in (folder, *folder.absolute().parents) if _is_there(p))
    except OSError as error:  # The name is too long.
        raise InputError(
            f"--run_dir={folder} cannot be used ({error.strerror}); choose another."
        ) from error
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"--run_dir={folder} cannot be written: {existing} is not a writable folder; "
            "choose another."
        )
    if existing is not folder:
        return
    # Hidden files do not count: they may be left from an interrupted write.
    held = {path.name for path in folder.iterdir() if path.name[0] != "."}
    flags = folder / FLAGS_FILE
    if not flags.is_file():
        if held <= set(beside):
            return
        raise InputError(
            f"--run_dir={folder} holds files but no run; choose an empty or a new folder."
        )
    check_flags(config, flags, free)
    store, curve = folder / STORE_FILE, folder / CURVE_FILE
    if _is_there(store) and not store.is_file():
        raise InputError(
            f"{store} is not a file; put it back from a copy or choose another --run_dir."
        )
    # A new store would begin the run again, and pay for all its labels a second time.
    lost = not store.exists() or not store.stat().st_size
    if lost and curve.is_file() and len(curve.read_text(errors="replace").splitlines()) > 1:
        raise InputError(
            f"{store} is missing or empty, though {curve} shows committed rounds; put it back "
            "from a copy or choose another --run_dir."
        )


def _is_there(path: pathlib.Path) -> bool:
    return path.exists() or path.is_symlink()  # A broken link counts too.


def check_flags(config: Config, flags: pathlib.Path, free: Collection[str] = ()) -> None:
    """Checks that the flags of a run's folder match the settings.

    Args:
        config: The settings.
        flags: The flagfile in the run's folder.
        free: Settings that may differ.

    Raises:
        InputError: They differ; the message names the flags.
    """
    if differing := differing_flags(config, flags.read_text(errors="replace"), free):
        raise InputError(
            f"--run_dir={flags.parent} holds a run of other flags: {', '.join(differing)}; "
            f"give it the same flags, as by --flagfile={flags}, or choose another folder."
        )


def keep_grid_flags(config: Config) -> None:
    """Writes the flags of a whole grid, from which it can be finished and reported.

    `--only` and `--report_only` are left out. With `--report_only`, flags that are
    already there are kept.
    """
    flags = pathlib.Path(config.run_dir, FLAGS_FILE)
    if not (config.report_only and flags.exists()):
        write_atomically(flags, config.replace(only=(), report_only=False).to_flags())


def current_flags(run_dir: pathlib.Path, reader: RunReader) -> str:
    """Returns the current flags of a run, which may differ from those it began with."""
    flags = run_dir / FLAGS_FILE
    return flags.read_text("utf-8", errors="replace") if flags.is_file() else reader.run().flags
