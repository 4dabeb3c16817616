"""MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
document recognition", Proceedings of the IEEE, 1998.
"""

import contextlib
import os
import pathlib
import sys
import urllib.parse
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import logging

from dbal_tf.artifacts import Examples
from dbal_tf.core import InputError
from dbal_tf.datasets.idx import MAX_BYTES, read_idx
from dbal_tf.datasets.source import Source
from dbal_tf.store.files import BROKEN_ARRAYS

_STEMS = {
    "train images": "train-images{}idx3-ubyte",
    "train labels": "train-labels{}idx1-ubyte",
    "test images": "t10k-images{}idx3-ubyte",
    "test labels": "t10k-labels{}idx1-ubyte",
}
_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_ADVICE = (
    "give --data_dir=<a folder with MNIST's four idx files or mnist.npz>, or use "
    "--dataset=digits; neither needs a download."
)
_PROBE_SECONDS = 5.0  # tensorflow-datasets itself would retry for minutes


def load(data_dir: str) -> Source:
    """Returns MNIST; an item's id is its position in the source.

    `train-00000` is the first training image of the idx files and of mnist.npz,
    which share the original order. tensorflow-datasets has another order, so
    its ids start with `tfds-`.

    Args:
        data_dir: A folder with the four idx files, gzipped or not, or with
            mnist.npz. Empty: tensorflow-datasets, which downloads if necessary.

    Raises:
        InputError: Files are missing or malformed, or tensorflow-datasets
            could not provide them.
    """
    if not data_dir:
        return _from_tensorflow_datasets()
    folder = pathlib.Path(os.path.expanduser(data_dir))
    if not os.path.isdir(folder):
        state = "is not a folder" if os.path.exists(folder) else "does not exist"
        raise InputError(f"--data_dir={data_dir} {state}; {_ADVICE}")
    found = {part: path for part in _STEMS if (path := _find(folder, part))}
    if len(found) == len(_STEMS):
        parts = [(str(path), read_idx(path)) for path in found.values()]
    elif (npz := folder / "mnist.npz").exists():
        parts = [(f"{npz}, {key}", array) for key, array in _read_npz(npz).items()]
    else:
        missing = ", ".join(_STEMS[part].format("-") for part in _STEMS if part not in found)
        raise InputError(
            f"--data_dir={data_dir} holds neither {missing} nor mnist.npz; {_ADVICE}"
        )
    return _source(parts)


def _find(folder: pathlib.Path, part: str) -> pathlib.Path | None:
    # Published with a hyphen before idx; some programs unpack it with a dot.
    names = [_STEMS[part].format(dot) + end for dot in "-." for end in ("", ".gz")]
    return next((path for name in names if (path := folder / name).exists()), None)


def _read_npz(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the four arrays of an npz file, in the order of `_NPZ_KEYS`."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise InputError(
                f"{path} unpacks to {size} bytes; expected at most {MAX_BYTES}; {_ADVICE}"
            )
        # Without pickles, an array of objects is an error and runs no code.
        with np.load(path, allow_pickle=False) as arrays:
            missing = ", ".join(key for key in _NPZ_KEYS if key not in arrays)
            if missing:
                raise InputError(
                    f"{path} has no {missing}; expected the arrays {', '.join(_NPZ_KEYS)}; "
                    f"{_ADVICE}"
                )
            return {key: arrays[key] for key in _NPZ_KEYS}
    except InputError:
        raise
    except BROKEN_ARRAYS as error:
        raise InputError(
            f"{path} cannot be read ({_short(error)}); expected a zip of plain arrays, as "
            f"numpy.savez writes it; {_ADVICE}"
        ) from error


def _source(parts: list[tuple[str, np.ndarray]], prefix: str = "") -> Source:
    """Checks and joins train images, train labels, test images and test labels."""
    train = _split(parts[0], parts[1], prefix=f"{prefix}train")
    test = _split(parts[2], parts[3], prefix=f"{prefix}test")
    return Source(*train, *test, class_names=tuple("0123456789"))


def _split(
    images: tuple[str, np.ndarray], classes: tuple[str, np.ndarray], prefix: str
) -> tuple[Examples, np.ndarray]:
    """Checks two named arrays and returns their items and classes."""
    images_name, images_nhw = images
    classes_name, classes_n = classes
    shape = images_nhw.shape
    if images_nhw.dtype != np.uint8 or shape[1:] not in {(28, 28), (28, 28, 1)} or not shape[0]:
        raise InputError(
            f"{images_name} has {images_nhw.dtype} values of shape {shape}; expected uint8 "
            f"images of shape (n, 28, 28), n at least 1; {_ADVICE}"
        )
    if classes_n.dtype.kind not in "iu" or classes_n.shape != shape[:1]:
        raise InputError(
            f"{classes_name} has {classes_n.dtype} values of shape {classes_n.shape}; expected "
            f"one whole number for each of the {shape[0]} images of {images_name}; {_ADVICE}"
        )
    if classes_n.min() < 0 or classes_n.max() > 9:
        raise InputError(
            f"{classes_name} has labels from {classes_n.min()} to {classes_n.max()}; expected "
            f"0 to 9; {_ADVICE}"
        )
    ids = np.array([f"{prefix}-{position:05d}" for position in range(shape[0])])
    return Examples(ids, images_nhw.reshape(-1, 28, 28, 1)), classes_n.astype(np.int64)


def _from_tensorflow_datasets() -> Source:
    folder = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))
    try:
        with _quiet():
            import tensorflow_datasets as tfds

            builder = tfds.builder("mnist")
            folder = pathlib.Path(builder.data_path)
            _prepare(builder)
            splits = [builder.as_dataset(split=s, batch_size=-1) for s in ("train", "test")]
            arrays = [s[key].numpy() for s in splits for key in ("image", "label")]
    # The errors of tensorflow-datasets are not documented, and the advice is the same for
    # all of them.
    except Exception as error:
        raise InputError(
            "--dataset=mnist without --data_dir asks tensorflow-datasets, which has no usable "
            f"copy in {folder} and could not get one ({_short(error)}); {_ADVICE}"
        ) from error
    names = (f"{folder}, {part}" for part in _STEMS)
    return _source(list(zip(names, arrays, strict=True)), prefix="tfds-")


def _prepare(builder: Any) -> None:
    """Downloads and prepares the data set, unless it is there already.

    Without a connection tensorflow-datasets retries for minutes. One short
    request is made first, unless all files have been downloaded before.
    """
    if builder.is_prepared():
        return
    downloads = pathlib.Path(builder.data_path).parents[1] / "downloads"
    fetched = [*downloads.glob("manual/*-ubyte.gz"), *downloads.glob("mnist/*.gz")]
    if len(fetched) < len(_STEMS):
        # Imported here, because only this way to the data needs it.
        import requests

        host = urllib.parse.urlsplit(builder.URL).hostname
        try:
            requests.head(builder.URL, timeout=_PROBE_SECONDS)
        except requests.RequestException as error:
            raise ConnectionError(f"{type(error).__name__} at {host}") from error
    builder.download_and_prepare()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses warnings, and sends a download's progress to stderr."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _short(error: BaseException) -> str:
    """Returns an error's type and text, shortened to fit into a sentence."""
    text = " ".join(str(error).split())[:160].rstrip(" ,.")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
