import contextlib
import os
import signal

import pytest

from dbal_tf.runtime import interrupts
from dbal_tf.runtime.interrupts import Interrupted


def _send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_work_with_its_status(number, status):
    with pytest.raises(
        Interrupted, match=rf"Paused \(stopped by {number.name}\); nothing"
    ) as stop:
        with interrupts.raising():
            _send(number)
            pytest.fail("the work went on")
    assert stop.value.status == status


def test_no_handler_for_errors_swallows_it():
    assert not issubclass(Interrupted, Exception)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_write_in_hand_is_finished_first(number, status):
    done = []
    with pytest.raises(Interrupted) as stop, interrupts.raising():
        with interrupts.finish_first():
            _send(number)
            done.append("written")
        done.append("went on")
    assert done == ["written"]
    assert stop.value.status == status


def test_a_write_inside_a_write_does_not_let_signals_through():
    done = []
    with pytest.raises(Interrupted), interrupts.raising():
        with interrupts.finish_first():
            with interrupts.finish_first():
                _send(signal.SIGINT)
            done.append("inner")
            _send(signal.SIGTERM)
            done.append("outer")
        done.append("went on")
    assert done == ["inner", "outer"]


def test_after_a_write_signals_count_at_once_again():
    with pytest.raises(Interrupted), interrupts.raising():
        with interrupts.finish_first():
            pass
        _send(signal.SIGTERM)
        pytest.fail("the work went on")


def test_a_write_that_fails_is_reported_and_shields_no_longer():
    with pytest.raises(OSError, match="disk full"), interrupts.raising():
        with interrupts.finish_first():
            raise OSError("disk full")
    test_a_signal_ends_the_work_with_its_status(signal.SIGTERM, 143)


def test_an_old_signal_does_not_stop_the_next_write():
    with pytest.raises(OSError), interrupts.raising(), interrupts.finish_first():
        _send(signal.SIGTERM)
        raise OSError
    with interrupts.finish_first():
        pass


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interrupts.raising():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_a_callback_swallowed_counts_after_the_next_write():
    written = []
    with pytest.raises(Interrupted) as stop, interrupts.raising():
        with contextlib.suppress(Interrupted):
            _send(signal.SIGINT)
        with interrupts.finish_first():
            written.append(True)
        pytest.fail("the work went on")
    assert (stop.value.status, written) == (130, [True])
