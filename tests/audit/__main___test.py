"""`python -m dbal_tf.audit` is the program of `command.py`."""

import subprocess
import sys


def test_the_module_is_the_program(finished_run):
    command = [sys.executable, "-m", "dbal_tf.audit", str(finished_run)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no id is bought twice" in done.stdout
