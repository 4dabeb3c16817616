"""An experiment that was stopped in its third run goes on with it."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from dbal_tf.config import Config
from dbal_tf.experiments.engine import run

pytestmark = pytest.mark.usefixtures("shared_fitters", "checked_here")

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return Config(
        experiment="figure1",
        dataset="digits",
        acquisition=("bald", "random", "max_entropy"),
        rounds=2,
        epochs=1,
        num_samples=5,
        pool_subset=100,
        export_every=-1,
        run_dir=str(tmp_path_factory.mktemp("experiment") / "figure1"),
    )


@pytest.fixture(scope="module")
def stopped(config):
    """Runs in another process that is stopped in the third run; returns its stderr."""
    path = pathlib.Path(config.run_dir).with_suffix(".cfg")
    path.write_text(config.to_flags())
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "dbal_tf.main", f"--flagfile={path}"],
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(path.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    third = False
    with process:
        for line in process.stdout:
            third = third or line.startswith("max_entropy, repetition 0:")
            if third and line.split()[:1] == ["0/2"]:
                process.send_signal(signal.SIGTERM)
                break
        _, err = process.communicate(timeout=120)
    assert process.returncode == 143
    return err


@pytest.fixture(scope="module")
def gone_on(config, stopped):
    """Goes on in this process; returns what was there before, and the lines."""
    folder = pathlib.Path(config.run_dir)
    before = {name: _files(folder / name) for name in ("bald/0", "random/0")}
    lines = []
    run(config, lines.append)
    return before, lines


def _files(folder):
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_says_how_to_go_on(config, stopped):
    assert f"python -m dbal_tf.main --flagfile={config.run_dir}/flags.cfg" in stopped
    assert pathlib.Path(config.run_dir, "flags.cfg").read_text() == config.to_flags()


def test_finished_runs_are_not_touched(config, gone_on):
    before, lines = gone_on
    folder = pathlib.Path(config.run_dir)
    for name in ("bald/0", "random/0"):
        assert _files(folder / name) == before[name]
    assert lines.count("finished before") == 2
    at = lines.index(f"max_entropy, repetition 0: {folder}/max_entropy/0")
    assert lines[at + 1].split()[0] == "round"
    assert lines[at + 2].split()[0] in ("1/2", "2/2"), "what was committed is done again"


def test_the_report_is_complete(config, gone_on):
    _, lines = gone_on
    folder = pathlib.Path(config.run_dir)
    assert "3 of 3 runs are finished." in lines
    text = (folder / "report.md").read_text()
    assert "Missing" not in text
    for path in ("bald/0", "random/0", "max_entropy/0"):
        assert f"| {path} | 2 of 2 |" in text
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "figure1.png").read_bytes().startswith(b"\x89PNG")


def test_the_deterministic_bald_buys_what_random_buys(config, tmp_path):
    """What the caption of figure2 says."""
    shared = config.replace(
        experiment="run",
        posterior="deterministic",
        acquisition=("bald", "random"),
        run_dir=str(tmp_path / "run"),
    )
    curves = run(shared, lambda _: None)
    bald, random = (
        [(p.labels, p.evaluation) for p in of_name[0]] for of_name in curves.values()
    )
    assert bald == random
    picks = [
        (tmp_path / "run" / name / "0" / "rounds" / "0001" / "query.csv").read_text()
        for name in curves
    ]
    assert picks[0] == picks[1]
