"""Kills at random moments: `tools/chaos.py --kills=100` in small."""

import pathlib
import re
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[2]


def test_three_kills_change_nothing():
    flags = ["--kills=3", "--per_run=3", "--seed=1", "--warm"]
    done = subprocess.run(
        [sys.executable, str(_ROOT / "tools" / "chaos.py"), *flags],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills; 1 of 1 runs equal the undisturbed one and pass the audit" in done.stdout
    assert len(re.findall(r" [1-9]\d* kills$", done.stdout, re.MULTILINE)) >= 2
