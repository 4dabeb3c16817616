import errno
import os
import shutil
import sqlite3

import pytest

from dbal_tf.runtime.faults import sentence

_FULL = (
    "The disk is full; nothing committed in --run_dir=there is lost; make room and give the "
    "same command again."
)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "there/curve.csv"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        sqlite3.OperationalError("database or disk is full"),
        RuntimeError("there/events.v2; No space left on device"),
    ],
    ids=["a file", "a quota", "SQLite", "TensorFlow"],
)
def test_a_full_disk(error):
    assert sentence(error, "there") == _FULL


@pytest.mark.parametrize(("free", "full"), [(4096, True), (10**9, False)])
def test_an_error_without_a_reason_is_a_full_disk_if_it_is_full(
    tmp_path, monkeypatch, free, full
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, free))
    said = sentence(sqlite3.OperationalError("disk I/O error"), str(tmp_path))
    assert said.startswith("The disk is full; ") is full
    assert not sentence(ValueError("NaN"), str(tmp_path)).startswith("The disk")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "there/curve.csv"), "there/curve.csv"),
        (PermissionError(errno.EACCES, "denied", "there/.lock"), "there/.lock"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "there"),
    ],
)
def test_a_folder_that_became_read_only(error, what):
    assert sentence(error, "there") == (
        f"{what} cannot be written; nothing committed in --run_dir=there is lost; allow it and "
        "give the same command again."
    )


def test_any_other_error_is_its_first_line():
    error = ArithmeticError("3 scores are not finite.\nStack trace")
    assert sentence(error, "there") == (
        "ArithmeticError: 3 scores are not finite. (--verbosity=1 shows where)"
    )
    assert sentence(KeyError(), "there") == "KeyError:  (--verbosity=1 shows where)"
