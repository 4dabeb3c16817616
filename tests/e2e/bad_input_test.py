"""Every bad input: status 2, one line on stderr, and nothing changed on disk."""

import dataclasses
import gzip
import pathlib
import struct
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from dbal_tf.config import Config

_ROOT = pathlib.Path(__file__).parents[2]
_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _idx(*shape: int) -> bytes:
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    return header + bytes(int(np.prod(shape)))


def _mnist(folder: pathlib.Path) -> None:
    """Writes a folder of good files of zeros."""
    folder.mkdir()
    for name, shape in zip(_NAMES, ((40, 28, 28), (40,), (9, 28, 28), (9,)), strict=True):
        (folder / name).write_bytes(_idx(*shape))


def _nothing(folder: pathlib.Path) -> None:
    del folder


def _empty(folder: pathlib.Path) -> None:
    (folder / "data").mkdir()


def _truncated(folder: pathlib.Path) -> None:
    _mnist(folder / "data")
    path = folder / "data" / _NAMES[0]
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes())[:-20])
    path.unlink()


def _wrong_magic(folder: pathlib.Path) -> None:
    _mnist(folder / "data")
    (folder / "data" / _NAMES[2]).write_bytes(b"\x89PNG\r\n" + bytes(100))


def _fewer_labels(folder: pathlib.Path) -> None:
    _mnist(folder / "data")
    (folder / "data" / _NAMES[1]).write_bytes(_idx(39))


def _pickle(folder: pathlib.Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "mnist.npz").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")


def _another_run(folder: pathlib.Path) -> None:
    (folder / "run").mkdir()
    flags = Config(dataset="digits", rounds=3, seed=7, epochs=9, run_dir="run").to_flags()
    (folder / "run" / "flags.cfg").write_text(flags)


def _other_files(folder: pathlib.Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "thesis.tex").write_text("all of it")


def _a_file(folder: pathlib.Path) -> None:
    (folder / "run").write_text("a file")


@dataclasses.dataclass(frozen=True)
class Case:
    """A bad command line, what it meets on disk, and what its line must name."""

    flags: str
    names: tuple[str, ...]
    prepare: Callable[[pathlib.Path], None] = _nothing


_DIGITS = "--dataset=digits --run_dir=run"
_MNIST = "--dataset=mnist --run_dir=run --data_dir=data"
_CASES = {
    "unknown technique": Case(
        f"{_DIGITS} --acquisition=foo", ("--acquisition=foo", "one of random, bald")
    ),
    "unknown flag": Case(f"{_DIGITS} --roundz=3", ("'roundz'", "rounds", "--help")),
    "flag without a value": Case(f"{_DIGITS} --rounds", ("--rounds", "--help")),
    "not a number": Case(f"{_DIGITS} --rounds=many", ("--rounds=many", "--help")),
    "not a float": Case(f"{_DIGITS} --learning_rate=1,5", ("--learning_rate=1,5", "--help")),
    "not a switch": Case(f"{_DIGITS} --keep_scores=maybe", ("--keep_scores=maybe", "--help")),
    "below the least": Case(f"{_DIGITS} --epochs=0", ("--epochs=0", "at least 1")),
    "no learning rate": Case(f"{_DIGITS} --learning_rate=nan", ("--learning_rate=nan",)),
    "refining less than is bought": Case(f"{_DIGITS} --refine=9", ("--refine=9 is below",)),
    "refining one sample": Case(
        f"{_DIGITS} --refine=99 --posterior=deterministic", ("--refine=99", "nothing to sample")
    ),
    "stray argument": Case(f"{_DIGITS} rounds=3", ("'rounds=3'", "--name=value")),
    "no flagfile": Case("--flagfile=absent.cfg", ("absent.cfg",)),
    "missing data_dir": Case(_MNIST, ("--data_dir=data does not exist", "--dataset=digits")),
    "empty data_dir": Case(_MNIST, ("--data_dir=data holds neither", *_NAMES), _empty),
    "data_dir for digits": Case(f"{_DIGITS} --data_dir=data", ("--data_dir=data", "drop")),
    "truncated gz": Case(_MNIST, (f"data/{_NAMES[0]}.gz cannot be read",), _truncated),
    "wrong magic": Case(_MNIST, (f"data/{_NAMES[2]}", "'89 50 4e 47'"), _wrong_magic),
    "fewer labels": Case(_MNIST, (_NAMES[1], "(39,)", "40 images"), _fewer_labels),
    "a pickle": Case(_MNIST, ("data/mnist.npz cannot be read",), _pickle),
    "a class too few": Case(_MNIST, ("--initial_per_class=2",), lambda f: _mnist(f / "data")),
    "too many rounds": Case(
        f"{_DIGITS} --rounds=109", ("--rounds=109", "holds 1080", "at most --rounds=108")
    ),
    "too many to begin with": Case(
        f"{_DIGITS} --initial_per_class=500", ("--initial_per_class=500",)
    ),
    "another run": Case(
        f"{_DIGITS} --rounds=2 --seed=8 --epochs=9",
        ("--run_dir=run", "--seed=8 (the run has --seed=7); give"),
        _another_run,
    ),
    "other files": Case(_DIGITS, ("--run_dir=run holds files but no run",), _other_files),
    "run_dir is a file": Case(_DIGITS, ("--run_dir=run cannot be written",), _a_file),
    "run_dir below a file": Case(
        f"{_DIGITS} --run_dir=run/a/b", ("--run_dir=run/a/b cannot be written",), _a_file
    ),
    "a grid below a file": Case(
        f"{_DIGITS} --run_dir=run/a --acquisition=bald,random",
        ("--run_dir=run/a cannot be written",),
        _a_file,
    ),
}


def _snapshot(folder: pathlib.Path) -> dict[str, bytes | None]:
    paths = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in paths}


@pytest.mark.parametrize("name", _CASES)
def test_bad_input_is_one_line_and_changes_nothing(program, tmp_path, monkeypatch, name):
    case = _CASES[name]
    monkeypatch.chdir(tmp_path)
    case.prepare(tmp_path)
    before = _snapshot(tmp_path)
    status, out, err = program(*case.flags.split())
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("dbal_tf: ")
    assert err.endswith(".\n")
    for part in case.names:
        assert part in err
    assert _snapshot(tmp_path) == before


def test_a_process_ends_the_same_way(tmp_path):
    _other_files(tmp_path)
    flags = ["--dataset=digits", f"--run_dir={tmp_path}/run"]
    command = [sys.executable, "-m", "dbal_tf.main", *flags]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"dbal_tf: --run_dir={tmp_path}/run holds files but no run; choose an empty or a new "
        "folder.\n"
    )
