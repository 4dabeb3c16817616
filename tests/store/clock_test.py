import time

import pytest

from dbal_tf.store.clock import Clock
from dbal_tf.store.writer import Execution


class Trainer:
    """A component."""


class Evaluator:
    """Another."""


@pytest.fixture
def clock(monkeypatch):
    """A clock whose calls take 1 s, 2 s, 3 s and so on, and whose seeds are lengths."""
    times = iter([0.0, 1.0, 10.0, 12.0, 20.0, 23.0, 30.0, 34.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    return Clock(len)


def test_it_returns_what_the_call_returns(clock):
    assert clock("train", Trainer(), lambda seed: ("model", seed("fit"))) == ("model", 3)


def test_seconds_of_a_phase_are_summed_and_calls_are_kept_apart(clock):
    clock("train", Trainer(), lambda seed: seed("weight_decay"))
    clock("evaluate", Evaluator(), lambda seed: None)
    clock("train", Trainer(), lambda seed: seed("fit") + seed("fit") + seed("order"))
    assert clock.seconds == {"train": 4.0, "evaluate": 2.0}
    assert clock.executions == [
        Execution("Trainer", {"weight_decay": 12}, 1.0),
        Execution("Evaluator", {}, 2.0),
        Execution("Trainer", {"fit": 3, "order": 5}, 3.0),
    ]


def test_a_call_that_fails_is_not_noted(clock):
    def fail(seed):
        raise ArithmeticError("not finite")

    with pytest.raises(ArithmeticError, match="not finite"):
        clock("train", Trainer(), fail)
    assert (clock.seconds, clock.executions) == ({}, [])
