import os
import signal
import subprocess
import sys
import threading

from dbal_tf.labelling.turn import signals_held, turn, wait_for_turn


def test_one_process_has_the_turn(tmp_path):
    with turn(tmp_path) as first:
        with turn(tmp_path) as second:
            assert (first, second) == (True, False)
    with turn(tmp_path) as again:
        assert again


def test_a_process_that_was_killed_leaves_no_lock(tmp_path):
    code = (
        "import os, pathlib, signal; from dbal_tf.labelling.turn import turn\n"
        f"with turn(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    with turn(tmp_path) as is_ours:
        assert is_ours


def test_signals_are_waited_for():
    with signals_held() as wait:
        assert wait(0.01) is None
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert wait(None) == signal.SIGTERM
        assert wait(0.01) is None


def test_a_signal_may_be_given_to_another_thread_and_before_anybody_waits():
    # As to a thread of NumPy's: the system chooses one that does not block the signal.
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    with signals_held() as wait:
        signal.pthread_kill(other.ident, signal.SIGINT)
        assert wait(20) == signal.SIGINT
        threading.Timer(0.1, signal.pthread_kill, (other.ident, signal.SIGTERM)).start()
        assert wait(20) == signal.SIGTERM
    over.set()
    other.join()


def test_the_next_waits_for_its_turn(tmp_path):
    with signals_held() as wait:
        held = turn(tmp_path)
        held.__enter__()
        threading.Timer(0.1, held.__exit__, (None, None, None)).start()
        said = []
        assert wait_for_turn(tmp_path, lambda: said.append("first"), wait) is None
        assert wait_for_turn(tmp_path, lambda: said.append("free"), wait) is None
        with turn(tmp_path):
            signalled = threading.get_ident(), signal.SIGINT
            threading.Timer(0.5, signal.pthread_kill, signalled).start()
            assert wait_for_turn(tmp_path, lambda: said.append("second"), wait) == signal.SIGINT
        assert said == ["first", "second"]


def test_nobody_waits_for_a_run_that_has_ended(tmp_path, monkeypatch):
    parents = iter([7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    with signals_held() as wait, turn(tmp_path):
        assert wait_for_turn(tmp_path, lambda: None, wait) == 0
