"""Every bad input: status 2, one line on stderr, and nothing changed on disk."""

import contextlib
import dataclasses
import functools
import gzip
import io
import os
import pathlib
import pickle
import shlex
import sqlite3
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.artifacts import Labels
from dbal_tf.config import Config
from dbal_tf.datasets.shard_writer import example, write_shards
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

_ROOT = pathlib.Path(__file__).parents[2]
_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_KEYS = ("x_train", "y_train", "x_test", "y_test")
_SHAPES = ((40, 28, 28), (40,), (9, 28, 28), (9,))
_SAVED = "expected a zip of plain arrays, as numpy.savez writes it"


def _idx(*shape: int, value: int = 0) -> bytes:
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    return header + bytes([value]) * int(np.prod(shape))


def _write(folder: pathlib.Path, name: str, content: bytes | None) -> None:
    """Writes a file below a folder, or makes a folder there."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if content is None else path.write_bytes(content)


def _file(name: str, content: bytes | None) -> Callable[[pathlib.Path], None]:
    return functools.partial(_write, name=name, content=content)


def _mnist(content: bytes | None, position: int = 0, end: str = "") -> Callable:
    """Good files of zeros, of which one is another."""

    def prepare(folder: pathlib.Path) -> None:
        for name, shape in zip(_NAMES, _SHAPES, strict=True):
            _write(folder, f"data/{name}", _idx(*shape))
        (folder / "data" / _NAMES[position]).unlink()
        _write(folder, f"data/{_NAMES[position]}{end}", content)

    return prepare


def _npz(**changes: np.ndarray | None) -> Callable:
    """A good mnist.npz of zeros, of which some arrays are others or left out."""
    arrays = {k: np.zeros(s, np.uint8) for k, s in zip(_KEYS, _SHAPES, strict=True)} | changes
    content = io.BytesIO()
    np.savez(content, **{k: v for k, v in arrays.items() if v is not None})
    return _file("data/mnist.npz", content.getvalue())


def _run_with(text: bytes | None = None, **settings: object) -> Callable:
    """A folder `run` with the flags.cfg of a run, or with another text in it."""
    config = Config(dataset="digits", rounds=3, seed=7, epochs=9, run_dir="run")
    return _file("run/flags.cfg", text or config.replace(**settings).to_flags().encode())


def _store(change: str = "", content: bytes | None = None, cut: int | None = None) -> Callable:
    """A run of digits in `run` whose store is changed, has other bytes or is cut short."""

    def prepare(folder: pathlib.Path) -> None:
        _run_with(seed=0)(folder)
        flags, path = (folder / "run" / "flags.cfg").read_text(), folder / "run" / STORE_FILE
        if content is None:
            labels = Labels(np.array(["digits-0000"]), np.array([0]))
            with Store(folder / "run") as store:
                store.start(RunRecord(flags, "f" * 64, {}, ()), labels, "dataset", {})
            with contextlib.closing(sqlite3.connect(path)) as database:
                database.executescript(change)
        path.write_bytes(path.read_bytes()[:cut] if content is None else content)

    return prepare


def _lost_store(folder: pathlib.Path, curve: bytes = b"round,labels\n0,20\n") -> None:
    _store(content=b"")(folder)
    _write(folder, "run/curve.csv", curve)


def _dangling(name: str, prepare: Callable = lambda _: None) -> Callable:
    """What was prepared, with a link to nothing."""

    def link(folder: pathlib.Path) -> None:
        prepare(folder)
        (folder / name).symlink_to(folder / "nowhere")

    return link


def _store_folder(folder: pathlib.Path) -> None:
    _run_with(seed=0)(folder)
    _write(folder, f"run/{STORE_FILE}", None)


def _locked(path: str, prepare: Callable) -> Callable:
    """What was prepared, with a file or folder that may not be read or written."""

    def lock(folder: pathlib.Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("the superuser may read and write everything")
        prepare(folder)
        (folder / path).chmod(0o500 if (folder / path).is_dir() else 0o000)

    return lock


def _shards(folder: pathlib.Path, ending: bytes = b"") -> None:
    """Writes shards of 40 and 9 images; the file of the 40 loses what it ends with."""
    for split, count in (("train", 40), ("test", 9)):
        images = np.zeros((count, 8, 8, 1), np.uint8)
        write_shards(folder / "data", split, images, np.arange(count) % 3)
    path = folder / "data" / _SHARD
    path.write_bytes(path.read_bytes()[: -len(ending) or None])


def _other_sizes(folder: pathlib.Path) -> None:
    _shards(folder)
    images = np.zeros((9, 8, 9, 1), np.uint8)
    write_shards(folder / "data", "test", images, np.arange(9) % 3)


def _encoded(change: Callable[[bytes], bytes]) -> Callable[[pathlib.Path], None]:
    """Shards of PNGs, whose last record was changed."""

    def prepare(folder: pathlib.Path) -> None:
        images = np.zeros((9, 8, 8, 1), np.uint8)
        for split in ("train", "test"):
            write_shards(folder / "data", split, images, np.arange(9) % 3, encoded=True)
        with tf.io.TFRecordWriter(str(folder / "data" / "train-x.tfrecord")) as writer:
            writer.write(change(example(images[0], 0, "x", encoded=True)))
        (folder / "data" / _SHARD).rename(folder / "data" / "train-y.tfrecord")

    return prepare


def _huge(record: bytes) -> bytes:
    """The same with a header that announces 50,000 x 50,000 pixels."""
    start = record.index(b"IHDR")
    header = b"IHDR" + struct.pack(">II", 50_000, 50_000) + record[start + 12 : start + 17]
    return record.replace(
        record[start : start + 21], header + struct.pack(">I", zlib.crc32(header))
    )


@dataclasses.dataclass(frozen=True)
class Case:
    """A bad command line, what its line must name, what it meets and says."""

    flags: str
    names: tuple[str, ...]
    prepare: Callable[[pathlib.Path], None] = lambda _: None
    out: str = ""


_DIGITS = "--dataset=digits --run_dir=run"
_DATA = "--dataset=mnist --run_dir=run --data_dir=data"

# Flag, value, and what is expected of it.
_LIMITS = (
    ("experiment", "foo", "one of run, figure1"),
    ("acquisition", "foo", "one of random, bald, max_entropy, var_ratios, mean_std, epig, mbr"),
    (
        "acquisition",
        "BALD",
        "one of random, bald, max_entropy, var_ratios, mean_std, epig, mbr",
    ),
    ("var_ratios", "max", "one of mean, votes"),
    (
        "posterior",
        "swag",
        "one of mc_dropout, deterministic, gaussian_dropout, laplace, ensemble",
    ),
    ("model", "resnet", "bayesian_cnn, bayesian_resnet or package.module:function"),
    ("dataset", "imagenet", "one of digits, image_folder, mnist, tfrecord"),
    ("strategy", "all", "one of auto, none, mirrored, multi_worker"),
    ("remainder", "drop", "one of merge, keep"),
    ("rounds", "-1", "at least 0"),
    ("acquisition_size", "0", "at least 1"),
    ("initial_per_class", "0", "at least 1"),
    ("validation_size", "-1", "at least 0"),
    ("num_samples", "0", "at least 1"),
    ("pool_subset", "-1", "at least 0"),
    ("refine", "-1", "at least 0"),
    ("refine_samples", "0", "at least 1"),
    ("kernel_size", "15", "at most 14"),
    ("pool_size", "-1", "at least 0"),
    ("graph_neighbors", "-1", "at least 0"),
    ("graph_scale", "-0.5", "at least 0.0"),
    ("graph_scale", "nan", "at least 0.0"),
    ("graph_scale", "inf", "at most 1000000.0"),
    ("repetitions", "0", "at least 1"),
    ("repetition", "-1", "at least 0"),
    ("repetitions", "10001", "at most 10000"),
    ("num_samples", f"{10**20}", "at most 1000000"),
    ("epochs", "0", "at least 1"),
    ("epochs", f"{10**20}", "at most 2147483647"),
    ("batch_size", f"{10**20}", "at most 2147483647"),
    ("batch_size", "-128", "at least 1"),
    ("learning_rate", "0.0", "a finite number above 0"),
    ("learning_rate", "inf", "a finite number above 0"),
    ("learning_rate", "nan", "a finite number above 0"),
    ("weight_decay", "-1", "a number of at least 0, or auto"),
    ("weight_decay", "nan", "a number of at least 0, or auto"),
    ("weight_decay", "lots", "a number of at least 0, or auto"),
    ("seed", "-1", "at least 0"),
    ("seed", "2147483648", "at most 2147483647"),
    ("export_every", "-2", "at least -1"),
    ("bless_max_error", "-0.1", "at least 0.0"),
    ("bless_max_error", "5.0", "at most 1.0"),
    ("bless_max_error", "nan", "at least 0.0"),
)
_FLAGS = {
    **{
        f"--{flag}={value}": Case(
            f"{_DIGITS} --{flag}={value}",
            (f"dbal_tf: --{flag}={value} cannot be used; expected {expected}",),
        )
        for flag, value, expected in _LIMITS
    },
    "unknown flag": Case(f"{_DIGITS} --roundz=3", ("'roundz'", "rounds", "--help")),
    "flag without a value": Case(f"{_DIGITS} --rounds", ("--rounds", "--help")),
    "flag of nothing": Case(f"{_DIGITS} --rounds=", ("--rounds=", "--help")),
    "not a number": Case(f"{_DIGITS} --rounds=many", ("--rounds=many", "--help")),
    "not whole": Case(f"{_DIGITS} --rounds=1.5", ("--rounds=1.5", "--help")),
    "not a float": Case(f"{_DIGITS} --learning_rate=1,5", ("--learning_rate=1,5", "--help")),
    "not a switch": Case(f"{_DIGITS} --keep_scores=maybe", ("--keep_scores=maybe", "--help")),
    "no technique": Case(f"{_DIGITS} --acquisition=", ("--acquisition is empty", "random")),
    "half a list": Case(f"{_DIGITS} --acquisition=bald,,random", ("--acquisition= cannot",)),
    "a technique twice": Case(
        f"{_DIGITS} --acquisition=bald,random,bald",
        ("--acquisition=bald,random,bald names a technique twice; name each once",),
    ),
    "one class": Case(f"{_DIGITS} --classes=2", ("--classes=2 is one class", "name another")),
    "a class twice": Case(f"{_DIGITS} --classes=2,8,2", ("names a class twice",)),
    "a class that is not there": Case(
        f"{_DIGITS} --classes=2,x", ("--classes=2,x names x", "some of 0, 1, 2, 3,")
    ),
    "a pool below the purchases": Case(
        f"{_DIGITS} --pool_size=100", ("--rounds=98 of 10", "at most --rounds=10")
    ),
    "more neighbours than images": Case(
        f"{_DIGITS} --acquisition=mbr --rounds=1 --pool_size=30 --graph_neighbors=50",
        ("--graph_neighbors=50 cannot be used with 50 images", "at most 49"),
    ),
    "a technique without a run": Case(
        f"{_DIGITS} --experiment=figure3 --acquisition=mean_std",
        ("--acquisition=mean_std has no run in --experiment=figure3; expected some of bald",),
    ),
    "stray argument": Case(f"{_DIGITS} rounds=3", ("'rounds=3' is not a flag", "--name=value")),
    "control characters": Case(
        f"{_DIGITS} '--data_dir=a\nb'", ("--data_dir='a\\nb' cannot be used; expected UTF-8",)
    ),
    "a line separator": Case(
        f"{_DIGITS} '--run_dir=a\x85--seed=5'", ("--run_dir='a\\x85--seed=5' cannot be used",)
    ),
    "spaces at an end": Case(
        f"{_DIGITS} '--run_dir=run '", ("--run_dir='run ' cannot be used; expected text",)
    ),
    "a class with a comma": Case(
        f"""{_DIGITS} '--classes="2,8",3'""", ("--classes='2,8' cannot be used; expected a",)
    ),
    "not UTF-8": Case(
        f"{_DIGITS} --run_dir=r\udcffn",
        ("--run_dir='r\\udcffn' cannot be used; expected UTF-8",),
    ),
    "a subset below a query": Case(
        f"{_DIGITS} --pool_subset=9", ("--pool_subset=9 is below --acquisition_size=10",)
    ),
    "refining less than is bought": Case(f"{_DIGITS} --refine=9", ("--refine=9 is below",)),
    "refining one sample": Case(
        f"{_DIGITS} --refine=99 --posterior=deterministic",
        ("--refine=99", "no faster"),
    ),
    "no flagfile": Case("--flagfile=absent.cfg", ("absent.cfg", "--help")),
    "flagfile is a folder": Case("--flagfile=a.cfg", ("a.cfg", "--help"), _file("a.cfg", None)),
    "unknown flag in a flagfile": Case(
        "--flagfile=a.cfg", ("'momentum'", "--help"), _file("a.cfg", b"--momentum=0.9\n")
    ),
    "bad value in a flagfile": Case(
        "--flagfile=a.cfg", ("--epochs=0 cannot",), _file("a.cfg", b"--epochs=0\n")
    ),
    "flagfile without dashes": Case(
        "--flagfile=a.cfg", ("'rounds=3' is not a flag",), _file("a.cfg", b"rounds=3\n")
    ),
    "flagfile that is not UTF-8": Case(
        "--flagfile=a.cfg",
        ("The flagfile is not UTF-8", "--help"),
        _file("a.cfg", b"--run_dir=\xff\n"),
    ),
}
_DATA_FILES = {
    "missing data_dir": Case(_DATA, ("--data_dir=data does not exist", "--dataset=digits")),
    "data_dir is a file": Case(_DATA, ("data is not a folder",), _file("data", b"")),
    "empty data_dir": Case(
        _DATA, ("--data_dir=data holds neither", *_NAMES), _file("data", None)
    ),
    "data_dir for digits": Case(f"{_DIGITS} --data_dir=data", ("--data_dir=data", "drop")),
    "truncated gz": Case(
        _DATA,
        (f"data/{_NAMES[0]}.gz cannot be read",),
        _mnist(gzip.compress(_idx(40, 28, 28))[:-20], end=".gz"),
    ),
    "corrupt gz": Case(
        _DATA,
        (f"data/{_NAMES[3]}.gz cannot be read", "fetch it again"),
        _mnist(gzip.compress(_idx(9))[:10] + b"\xff" * 30, 3, ".gz"),
    ),
    "wrong magic": Case(
        _DATA,
        (f"data/{_NAMES[2]}", "'89 50 4e 47'"),
        _mnist(b"\x89PNG\r\n" + bytes(100), 2),
    ),
    "idx of floats": Case(
        _DATA, (_NAMES[0], "'00 00 0d 03'"), _mnist(b"\0\0\x0d\x03" + bytes(99))
    ),
    "empty idx": Case(_DATA, (f"{_NAMES[1]} starts with the bytes ''",), _mnist(b"", 1)),
    "half a header": Case(_DATA, ("ends within its header",), _mnist(_idx(40, 28, 28)[:9])),
    "fewer values": Case(
        _DATA, (_NAMES[0], "expected 31360 bytes"), _mnist(_idx(40, 28, 28)[:-1])
    ),
    "more values": Case(_DATA, (_NAMES[0], "holds more"), _mnist(_idx(40, 28, 28) + b"\0")),
    "a huge announcement": Case(
        _DATA,
        (_NAMES[0], "expected at most"),
        _mnist(struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**10, 2**10)),
    ),
    "a folder for a file": Case(_DATA, (_NAMES[2], "Is a directory"), _mnist(None, 2)),
    "fewer labels": Case(_DATA, (_NAMES[1], "(39,)", "40 images"), _mnist(_idx(39), 1)),
    "no images": Case(_DATA, (_NAMES[2], "n at least 1"), _mnist(_idx(0, 28, 28), 2)),
    "images of another size": Case(
        _DATA, (_NAMES[0], "(40, 27, 28)", "(n, 28, 28)"), _mnist(_idx(40, 27, 28))
    ),
    "a label of 11": Case(
        _DATA, ("from 11 to 11; expected 0 to 9",), _mnist(_idx(9, value=11), 3)
    ),
    "a file of others": Case(
        _DATA,
        (_NAMES[0], "cannot be read (Permission denied)"),
        _locked(f"data/{_NAMES[0]}", _mnist(_idx(40, 28, 28))),
    ),
    "a pickle": Case(
        _DATA,
        ("data/mnist.npz cannot be read", _SAVED),
        _file("data/mnist.npz", pickle.dumps({"x_train": [0]})),
    ),
    "an npy for an npz": Case(
        _DATA,
        ("data/mnist.npz cannot be read", _SAVED),
        _file("data/mnist.npz", b"\x93NUMPY\x01\0" + bytes(200)),
    ),
    "an npz of objects": Case(
        _DATA,
        ("data/mnist.npz cannot be read", "allow_pickle=False", _SAVED),
        _npz(x_train=np.array([{}] * 40)),
    ),
    "an empty npz": Case(_DATA, ("mnist.npz cannot be read",), _file("data/mnist.npz", b"")),
    "a folder for an npz": Case(
        _DATA, ("mnist.npz cannot be read", "Is a directory"), _file("data/mnist.npz", None)
    ),
    "an npz without arrays": Case(
        _DATA, ("has no x_test, y_test", *_KEYS), _npz(x_test=None, y_test=None)
    ),
    "an npz of floats": Case(
        _DATA,
        ("mnist.npz, x_train has float64 values", "expected uint8"),
        _npz(x_train=np.zeros((40, 28, 28))),
    ),
    "an npz of labels of floats": Case(
        _DATA, ("y_test has float64 values", "whole number"), _npz(y_test=np.zeros(9))
    ),
    "an npz of flat images": Case(
        _DATA, ("x_test has uint8", "(9, 784)"), _npz(x_test=np.zeros((9, 784), np.uint8))
    ),
    "a class too few": Case(
        "--dataset=mnist --run_dir=run --data_dir=data/.", ("--initial_per_class=2",), _npz()
    ),
    "too many rounds": Case(
        f"{_DIGITS} --rounds=109", ("--rounds=109", "holds 1080", "at most --rounds=108")
    ),
    "too many to begin with": Case(
        f"{_DIGITS} --initial_per_class=500", ("--initial_per_class=500",)
    ),
    "too many to validate with": Case(
        f"{_DIGITS} --validation_size=1181", ("--validation_size=1181",)
    ),
    "nothing left to buy": Case(
        f"{_DIGITS} --validation_size=1180", ("at least one more for the pool",)
    ),
}
_TFRECORD = "--dataset=tfrecord --run_dir=run --data_dir=data"
_SHARD = "train-00000-of-00001.tfrecord"
_SHARDS = {
    "tfrecord without a folder": Case(
        "--dataset=tfrecord --run_dir=run", ("--data_dir= is not a folder",)
    ),
    "no shards": Case(
        _TFRECORD, ("--data_dir=data holds no train-*.tfrecord",), _file("data", None)
    ),
    "truncated shard": Case(
        _TFRECORD, (f"data/{_SHARD} has a truncated record",), lambda f: _shards(f, b"end")
    ),
    "test images of another size": Case(
        _TFRECORD, ("test-00000-of-00001.tfrecord, record 0,", "(8, 9, 1)"), _other_sizes
    ),
    "a broken image in a shard": Case(
        _TFRECORD,
        ("data/train-x.tfrecord, record 0, holds no image",),
        _encoded(lambda record: record.replace(b"IHDR", b"IHDX")),
    ),
    "an image of 50,000 x 50,000 pixels": Case(
        _TFRECORD, ("data/train-x.tfrecord, record 0, holds no image",), _encoded(_huge)
    ),
}
_SEED_8 = "--seed=8 (the run has --seed=7); give it the same flags, as by --flagfile="
_RUN_DIRS = {
    "another run": Case(
        f"{_DIGITS} --rounds=2 --seed=8 --epochs=9",
        (f"--run_dir=run holds a run of other flags: {_SEED_8}",),
        _run_with(),
    ),
    "a run of a flag of another version": Case(
        f"{_DIGITS} --seed=7 --epochs=9",
        ("no --momentum (the run has --momentum=0.9)",),
        _run_with(_run_with.__doc__.encode() + b"\n--momentum=0.9\n"),
    ),
    "a run below a grid": Case(
        f"{_DIGITS} --acquisition=bald,random",
        ("--run_dir=run holds a run of other flags: --epochs=50 (the run has --epochs=9)",),
        _run_with(),
    ),
    "flags.cfg of other bytes": Case(
        _DIGITS,
        ("holds a run of other flags", "--dataset=digits"),
        _run_with(bytes(range(128, 256))),
    ),
    "flags.cfg is a folder": Case(
        _DIGITS, ("holds files but no run",), _file("run/flags.cfg", None)
    ),
    "other files": Case(
        _DIGITS,
        ("--run_dir=run holds files but no run; choose an empty or a new folder",),
        _file("run/thesis.tex", b"all of it"),
    ),
    "run_dir is a file": Case(
        _DIGITS, ("--run_dir=run cannot be written",), _file("run", b"a file")
    ),
    "run_dir below a file": Case(
        f"{_DIGITS} --run_dir=run/a/b",
        ("--run_dir=run/a/b cannot be written",),
        _file("run", b"a file"),
    ),
    "a grid below a file": Case(
        f"{_DIGITS} --run_dir=run/a --acquisition=bald,random",
        ("--run_dir=run/a cannot be written",),
        _file("run", b"a file"),
    ),
    "run_dir is a link to nothing": Case(
        _DIGITS,
        ("--run_dir=run cannot be written: run is not a writable folder; choose another",),
        _dangling("run"),
    ),
    "run_dir below a link to nothing": Case(
        f"{_DIGITS} --run_dir=run/a", ("--run_dir=run/a cannot be written",), _dangling("run")
    ),
    "run_dir of too long a name": Case(
        f"{_DIGITS} --run_dir={'r' * 256}", ("cannot be used (File name too long)",)
    ),
    "run_dir of others": Case(
        _DIGITS, ("--run_dir=run cannot be written",), _locked("run", _file("run", None))
    ),
}
_STORED = f"{_DIGITS} --epochs=9"
_ADVICE = "choose another --run_dir"
_STORES = {
    "a store that is no database": Case(
        _STORED,
        ("run/metadata.db is damaged (file is not a database); nothing of it", _ADVICE),
        _store(content=b"all of it" * 999),
    ),
    "half a store": Case(
        _STORED,
        ("run/metadata.db is damaged (", "nothing of it could be read", _ADVICE),
        _store(cut=9000),
    ),
    "a store of a newer version": Case(
        _STORED,
        ("run/metadata.db has schema 99, this version of dbal_tf reads schema", _ADVICE),
        _store("PRAGMA user_version = 99"),
    ),
    "a store of another program": Case(
        _STORED,
        ("run/metadata.db is a database of another program", _ADVICE),
        _store("PRAGMA user_version = 0"),
    ),
    "a store of other data": Case(
        _STORED,
        ("The data have checksum", "began with ffffffffffff"),
        _store(),
        out="var_ratios, repetition 0: run\n",
    ),
    "a store that is lost": Case(
        _STORED, ("run/metadata.db is missing or empty", "run/curve.csv", _ADVICE), _lost_store
    ),
    "a store that is lost beside a curve of other bytes": Case(
        _STORED,
        ("run/metadata.db is missing or empty", "run/curve.csv", _ADVICE),
        functools.partial(_lost_store, curve=b"round,labels\n\xff\n"),
    ),
    "a store that is a folder": Case(
        _STORED, ("run/metadata.db is not a file", _ADVICE), _store_folder
    ),
    "a store that is a link to nothing": Case(
        _STORED,
        ("run/metadata.db is not a file", _ADVICE),
        _dangling(f"run/{STORE_FILE}", _run_with(seed=0)),
    ),
}
_CASES = {**_FLAGS, **_DATA_FILES, **_SHARDS, **_RUN_DIRS, **_STORES}


def _snapshot(folder: pathlib.Path) -> dict[str, bytes | None]:
    paths = sorted(folder.rglob("*"))
    readable = (path.is_file() and os.access(path, os.R_OK) for path in paths)
    return {
        str(path): path.read_bytes() if read else None
        for path, read in zip(paths, readable, strict=True)
    }


@pytest.mark.parametrize("name", _CASES)
def test_bad_input_is_one_line_and_changes_nothing(program, tmp_path, monkeypatch, name):
    case = _CASES[name]
    monkeypatch.chdir(tmp_path)
    case.prepare(tmp_path)
    before = _snapshot(tmp_path)
    status, out, err = program(*shlex.split(case.flags))
    assert (status, out) == (2, case.out)
    assert len(err.splitlines()) == 1, err
    assert err.startswith("dbal_tf: ")
    assert err.endswith(".\n")
    for part in case.names:
        assert part in err
    assert _snapshot(tmp_path) == before


def test_the_table_is_as_long_as_it_should_be():
    assert (
        len(_CASES) == sum(map(len, (_FLAGS, _DATA_FILES, _SHARDS, _RUN_DIRS, _STORES))) >= 60
    )


_PROCESSES = (
    "unknown flag",
    "not UTF-8",
    "flagfile that is not UTF-8",
    "a pickle",
    "other files",
)


@pytest.mark.parametrize("name", _PROCESSES)
def test_a_process_ends_the_same_way(tmp_path, name):
    case = _CASES[name]
    case.prepare(tmp_path)
    command = [sys.executable, "-m", "dbal_tf.main", *shlex.split(case.flags)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("dbal_tf: ")
    for part in case.names:
        assert part in done.stderr
