"""Whenever a signal comes, the program says how to go on, and does."""

import pathlib
import signal
import subprocess
import sys

import pytest

from dbal_tf.config import Config
from dbal_tf.store.reader import RunReader

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A grid of two runs of two rounds each."""
    return Config(
        dataset="digits",
        acquisition=("bald", "random"),
        rounds=1,
        epochs=2,
        num_samples=3,
        pool_subset=60,
        run_dir=str(tmp_path_factory.mktemp("a grid") / "run"),
    )


def _stop(config, part, number, times=1):
    """Runs the program and sends it a signal once a line of stderr has this part."""
    folder = pathlib.Path(config.run_dir).parent
    (folder / "flags").write_text(config.to_flags())
    command = [sys.executable, "-X", "importtime", "-m", "dbal_tf.main", "--verbosity=1"]
    process = subprocess.Popen(
        [*command, f"--flagfile={folder / 'flags'}"],
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stderr:
            times -= part in line
            if not times:
                process.send_signal(number)
                break
        err = process.stderr.read()
    assert "Traceback" not in err
    return process.returncode, "".join(err.partition("Paused")[1:])


def _rounds(config, name):
    try:
        return len(RunReader.open(pathlib.Path(config.run_dir, name, "0")).curve())
    except ValueError:
        return 0


def test_while_tensorflow_is_imported_then_while_training_then_while_exporting(config):
    status, said = _stop(config, " tensorflow.python.framework.", signal.SIGTERM)
    assert status == 143
    assert said == (
        "Paused (stopped by SIGTERM); nothing is lost. To go on, give the same command.\n"
    )
    assert not pathlib.Path(config.run_dir).exists()

    status, said = _stop(config, "phase: train", signal.SIGINT, times=2)
    assert status == 130
    assert said == (
        "Paused (stopped by SIGINT); nothing is lost. To go on, give the same command, or:\n"
        f"  python -m dbal_tf.main --flagfile='{config.run_dir}/flags.cfg'\n"
    )
    assert (_rounds(config, "bald"), _rounds(config, "random")) == (1, 0)

    status, _ = _stop(config, "phase: export", signal.SIGTERM)
    assert status == 143
    assert (_rounds(config, "bald"), _rounds(config, "random")) == (1, 0)
    assert not pathlib.Path(config.run_dir, "bald", "0", "export", "1").exists()
