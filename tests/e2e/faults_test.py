"""A disk that is full stops a run with one sentence; with room it goes on as it would have."""

import errno
import os
import pathlib
import sqlite3
import subprocess

import pytest

from dbal_tf.audit import command as audit
from dbal_tf.components import reporter
from dbal_tf.components.example_gen import load
from dbal_tf.loop import asking, learner, run
from dbal_tf.store import writer as store
from dbal_tf.store.reader import RunReader

pytestmark = pytest.mark.usefixtures("shared_fitters", "checked_here")

_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _facts(folder):
    reader = RunReader.open(pathlib.Path(folder))
    rounds = [(row.point.evaluation, row.labels_sha256) for row in reader.rounds()]
    return reader.label_rows(), rounds


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of three rounds and what is to repeat of it."""
    from dbal_tf.config import Config

    config = Config(
        dataset="digits",
        acquisition=("bald",),
        rounds=2,
        epochs=2,
        num_samples=3,
        pool_subset=60,
        run_dir=str(tmp_path_factory.mktemp("faults") / "undisturbed"),
    )
    run(config.replace(export_every=-1), load(config), lambda _: None)
    return config, _facts(config.run_dir)


def _fail_once(monkeypatch, owner, name, error, when=lambda *_: True):
    """Lets a function fail the next time that it is called so."""
    function = getattr(owner, name)

    def fail(*arguments, **named):
        if when(*arguments):
            monkeypatch.setattr(owner, name, function)
            raise error
        return function(*arguments, **named)

    monkeypatch.setattr(owner, name, fail)


def _tell_fails(monkeypatch):
    full = sqlite3.OperationalError("database or disk is full")
    _fail_once(monkeypatch, store, "_insert_answers", full, lambda *given: given[3] is not None)


def test_a_full_disk_at_every_write(undisturbed, tmp_path, monkeypatch, program):
    config, facts = undisturbed
    folder = tmp_path / "run"
    (tmp_path / "flags").write_text(config.replace(run_dir=str(folder)).to_flags())

    def writes(name):
        return lambda path, _: path.name == name

    faults = {
        "flags.cfg": lambda m: _fail_once(
            m, asking, "write_atomically", _FULL, writes("flags.cfg")
        ),
        "query.csv": lambda m: _fail_once(
            m, reporter, "write_atomically", _FULL, writes("query.csv")
        ),
        "TensorBoard": lambda m: _fail_once(m, reporter.TensorBoardLog, "write_point", _FULL),
        "curve.csv": lambda m: _fail_once(
            m,
            reporter,
            "write_atomically",
            _FULL,
            lambda path, text: path.name == "curve.csv" and "\n0,20," in text,
        ),
        "ask": lambda m: _fail_once(
            m,
            store,
            "_insert_query",
            sqlite3.OperationalError("database or disk is full"),
            lambda *given: given[2] == 1,
        ),
        "tell": _tell_fails,
        "export": lambda m: _fail_once(m, learner.Pusher, "run", _FULL),
    }
    for name, plant in faults.items():
        plant(monkeypatch)
        status, _, err = program(f"--flagfile={tmp_path / 'flags'}")
        assert (status, err) == (1, _sentence(folder)), name
    assert program(f"--flagfile={tmp_path / 'flags'}")[0] == 0
    assert _facts(folder) == facts
    assert audit.audit(folder)


def _sentence(folder):
    return (
        f"dbal_tf: The disk is full; nothing committed in --run_dir={folder} is lost; make "
        "room and give the same command again.\n"
    )


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _leave(folder, kibibytes):
    """Fills a disk but for so much."""
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize - 1024 * kibibytes
    filler.write_bytes(bytes(max(0, free)))


def test_a_small_disk_that_is_full_at_several_moments(undisturbed, small_disk, program):
    config, facts = undisturbed
    folder = small_disk / "run"
    flags = config.replace(run_dir=str(folder)).to_flags().splitlines()
    for kibibytes in (0, 48, 120, 200, 400):
        _leave(small_disk, kibibytes)
        status, _, err = program(*flags)
        assert (status, err) == (1, _sentence(folder)), kibibytes
    (small_disk / "filler").unlink()
    assert program(*flags)[0] == 0
    assert _facts(folder) == facts
    assert audit.audit(folder)


@pytest.fixture
def read_only(small_disk):
    """A file system that nothing can be written to."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    return small_disk


def test_a_disk_that_cannot_be_written(read_only, program):
    status, out, err = program("--dataset=digits", f"--run_dir={read_only}/run")
    assert (status, out) == (2, "")
    assert err == (
        f"dbal_tf: --run_dir={read_only}/run cannot be written: {read_only} is not a writable "
        "folder; choose another.\n"
    )
