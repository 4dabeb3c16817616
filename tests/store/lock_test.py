import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest

from dbal_tf.core import InputError
from dbal_tf.store import lock
from dbal_tf.store.layout import LOCK_FILE

_HOLD = (
    "import pathlib, sys, time\n"
    "from dbal_tf.store import lock\n"
    "with lock.hold(pathlib.Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_another_process_is_told_who_holds_it(holder, tmp_path):
    with pytest.raises(InputError) as error, lock.hold(tmp_path):
        pytest.fail("two hold it")
    assert str(error.value).startswith(
        f"--run_dir={tmp_path} is in use by process {holder.pid} on {os.uname().nodename} "
    )
    assert str(error.value).endswith("; wait until it has ended or choose another folder.")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_taken_over(holder, tmp_path, number):
    holder.send_signal(number)
    holder.wait()
    assert f"process {holder.pid} " in (tmp_path / LOCK_FILE).read_text()
    with lock.hold(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / LOCK_FILE).read_text()


def test_whether_it_is_held_can_be_asked(holder, tmp_path):
    assert lock.is_held(tmp_path)
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_FILE).exists() and not lock.is_held(tmp_path)
    with lock.hold(tmp_path):
        assert lock.is_held(tmp_path)
    assert not lock.is_held(tmp_path) and list(tmp_path.iterdir()) == []


def test_a_question_at_the_same_moment_keeps_nobody_out(tmp_path):
    with open(tmp_path / LOCK_FILE, "a") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        threading.Timer(0.02, asking.close).start()
        with lock.hold(tmp_path):
            assert lock.is_held(tmp_path)


def test_it_is_free_after_the_block_even_by_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), lock.hold(tmp_path):
            raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_lock_removed_by_hand_hides_no_error(tmp_path):
    with pytest.raises(ValueError, match="the real one"), lock.hold(tmp_path):
        (tmp_path / LOCK_FILE).unlink()
        raise ValueError("the real one")


def test_a_file_that_the_holder_before_removed_is_not_locked(tmp_path, monkeypatch):
    path = tmp_path / LOCK_FILE
    opened = []

    def flock(file, operation):
        opened.append(os.fstat(file.fileno()).st_ino)
        if len(opened) == 1:
            path.rename(tmp_path / "removed")

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with lock.hold(tmp_path):
        assert opened[0] != opened[1] == path.stat().st_ino
