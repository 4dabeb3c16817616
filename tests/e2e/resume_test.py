"""A run that was stopped goes on as if nothing had happened; for kills see chaos_test."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from dbal_tf import loop
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters")

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return Config(
        dataset="digits",
        acquisition=("bald",),
        rounds=3,
        epochs=3,
        num_samples=5,
        pool_subset=100,
        weight_decay="2.5",
        seed=11,
        export_every=-1,
        run_dir=str(tmp_path_factory.mktemp("resume") / "undisturbed"),
    )


@pytest.fixture(scope="module")
def undisturbed(config):
    return _finish(config)


def _finish(config):
    """Runs to the end in this process; returns all that must repeat."""
    curve = loop.run(config, load(config), lambda _: None)
    with Store(pathlib.Path(config.run_dir)) as store:
        labels = store.reader.labels()
    measures = [(point.round, point.labels, point.evaluation) for point in curve]
    return labels.ids.tolist(), labels.classes.tolist(), measures


def _stop(config):
    """Runs in another process and stops it once a round is committed."""
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
    with process:
        for line in process.stdout:
            if line.split()[:1] == [f"0/{config.rounds}"]:
                process.send_signal(signal.SIGTERM)
                break
        out, err = process.communicate(timeout=120)
    assert f"{config.rounds}/{config.rounds}" not in out, "it ended before the signal"
    return process.returncode, err


def _committed(config):
    with Store(pathlib.Path(config.run_dir)) as store:
        return len(store.reader.curve()), len(store.reader.labels())


def test_stopped_and_gone_on_equals_undisturbed(config, undisturbed):
    other = config.replace(run_dir=f"{config.run_dir}-not")
    status, err = _stop(other)
    assert status == 143
    assert "Paused (stopped by SIGTERM); nothing is lost." in err
    assert f"python -m dbal_tf.main --flagfile={other.run_dir}/flags.cfg" in err
    assert "Traceback" not in err
    rounds, labels = _committed(other)
    assert rounds >= 1
    assert labels == 20 + 10 * rounds

    assert _finish(other) == undisturbed
    assert _committed(other) == (4, 50)
