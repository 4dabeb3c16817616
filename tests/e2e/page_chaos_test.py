"""Kills while a person labels: `tools/page_chaos.py --kills=100` in small."""

import os
import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[2]


def test_four_kills_lose_nothing():
    flags = ["--kills=4", "--images=120", "--seed=1", "--warm"]
    done = subprocess.run(
        [sys.executable, str(_ROOT / "tools" / "page_chaos.py"), *flags],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 kills; " in done.stdout
    assert " 0 changed; 0 problems; " in done.stdout
