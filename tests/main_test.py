import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest

from dbal_tf import __version__, main
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.runtime import interrupts

_COMMAND = [sys.executable, "-m", "dbal_tf.main"]
_ROOT = pathlib.Path(__file__).parent.parent


def _call(*flags):
    """Returns a process that ended and its CPU seconds; it waits for nothing else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*_COMMAND, *flags], cwd=_ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_comes_at_once():
    done, seconds = _call("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Deep Bayesian active learning on images")
    for name in Config.__dataclass_fields__:
        assert f"  --{name}: " in done.stdout or f"  --[no]{name}: " in done.stdout
    assert seconds < 1


@pytest.mark.parametrize("flag", ["--acquisition=foo", "--no_such_flag"])
def test_a_wrong_flag_is_refused_at_once(flag):
    done, seconds = _call(flag)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert seconds < 1


def test_flags_are_checked_without_tensorflow():
    code = (
        "import sys\n"
        "from dbal_tf import main\n"
        "try:\n"
        "    main._main(main._parse(['dbal_tf', '--rounds=-1']))\n"
        "finally:\n"
        "    print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "[]\n")
    assert "--rounds=-1 cannot be used" in done.stderr


@pytest.fixture
def replaced(monkeypatch):
    """Replaces what runs after the flags by a function of the settings."""

    def replace(run):
        monkeypatch.setattr(main, "_run", run)

    return replace


def test_flags_become_settings(program, replaced):
    seen = []
    replaced(lambda config: seen.append(config) or 0)
    flags = ("--acquisition=bald,random", "--rounds=3", "--learning_rate=0.01", "--keep_scores")
    assert program(*flags) == (0, "", "")
    assert seen == [
        Config(acquisition=("bald", "random"), rounds=3, learning_rate=0.01, keep_scores=True)
    ]


def test_a_flagfile_repeats_the_settings(program, replaced, tmp_path):
    seen = []
    replaced(lambda config: seen.append(config) or 0)
    config = Config(dataset="digits", seed=3, weight_decay="auto", acquisition=("mean_std",))
    (tmp_path / "flags.cfg").write_text(config.to_flags())
    program(f"--flagfile={tmp_path}/flags.cfg", "--rounds=5")
    assert seen == [config.replace(rounds=5)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_status_and_how_to_go_on(
    program, replaced, tmp_path, number, status
):
    def stopped(config):
        os.kill(os.getpid(), number)
        pytest.fail("the work went on")

    replaced(stopped)
    (tmp_path / "flags.cfg").touch()
    ended, out, err = program(f"--run_dir={tmp_path}")
    assert (ended, out) == (status, "")
    assert f"Paused (stopped by {number.name}); nothing is lost." in err
    assert f"python -m dbal_tf.main --flagfile={tmp_path}/flags.cfg" in err
    assert signal.getsignal(number) is not interrupts._handle


def _raising(error):
    def run(config):
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("Got a, expected b; do c."), 2, "dbal_tf: Got a, expected b; do c.\n"),
        (
            ArithmeticError("3 scores are not finite."),
            1,
            "dbal_tf: ArithmeticError: 3 scores are not finite. (--verbosity=1 shows where)\n",
        ),
    ],
)
def test_an_error_is_one_line_and_its_status(program, replaced, error, status, line):
    replaced(_raising(error))
    assert program() == (status, "", line)


def test_verbosity_shows_where(program, replaced):
    replaced(_raising(ArithmeticError("deep down")))
    with pytest.raises(ArithmeticError, match="deep down"):
        program("--verbosity=1")


def test_the_package_has_a_version():
    assert __version__.count(".") == 2
