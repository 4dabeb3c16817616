import subprocess
import sys

import numpy as np
import pytest

from dbal_tf.artifacts import Query
from dbal_tf.components import page
from dbal_tf.components.page import PageOracle
from dbal_tf.core import InputError


@pytest.fixture
def started(monkeypatch):
    """The commands of pages that were started; in place of each a process that sleeps."""
    commands, processes, popen = [], [], subprocess.Popen

    def start(command):
        commands.append(command)
        processes.append(popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return processes[-1]

    monkeypatch.setattr(page.subprocess, "Popen", start)
    monkeypatch.setattr(page, "_SHOW_END", 0)
    yield commands, processes
    for process in processes:
        process.kill()


def test_the_page_is_served_as_long_as_the_run_goes_on(started):
    commands, (*_,) = started[0], started[1]
    with PageOracle("runs/mine", 8000, "never", True).attend(print):
        assert started[1][0].poll() is None
    assert started[1][0].poll() is not None
    assert commands[0][1:] == [
        *("-m", "dbal_tf.label", "runs/mine"),
        *("--port=8000", "--show_predictions=never", "--expose"),
    ]


def test_a_page_that_ends_is_told_and_the_run_goes_on(started):
    lines = []
    oracle = PageOracle("runs/my images")
    with oracle.attend(lines.append):
        started[1][0].kill()
        started[1][0].wait()
        query = Query(np.array(["a"]), np.zeros(1))
        assert all(len(oracle.run(query)) == 0 for _ in range(3))
    (line,) = lines
    assert line.endswith(
        "python -m dbal_tf.label 'runs/my images' --port=0 --show_predictions=after"
    )


def test_a_page_that_cannot_be_served_ends_the_run(monkeypatch):
    refused = subprocess.Popen([sys.executable, "-c", "raise SystemExit(2)"])
    monkeypatch.setattr(page.subprocess, "Popen", lambda command: refused)
    oracle, query = PageOracle("runs/mine", 80), Query(np.array(["a"]), np.zeros(1))
    with pytest.raises(InputError, match="The page could not be served"), oracle.attend(print):
        refused.wait()
        for _ in range(20):
            oracle.run(query)
