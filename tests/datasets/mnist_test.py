import gzip
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from dbal_tf.core import InputError
from dbal_tf.datasets import mnist
from dbal_tf.datasets.source import Source

_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_KEYS = ("x_train", "y_train", "x_test", "y_test")


def _arrays() -> list[np.ndarray]:
    """Train and test images and labels of a tiny MNIST."""
    images = np.random.default_rng(0).integers(0, 256, (16, 28, 28), np.uint8)
    return [
        images[:12],
        np.arange(12, dtype=np.uint8) % 10,
        images[12:],
        np.arange(4, dtype=np.uint8),
    ]


def _idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def _folder_of(folder: pathlib.Path, arrays: list[np.ndarray]) -> pathlib.Path:
    for name, array in zip(_NAMES, arrays, strict=True):
        (folder / name).write_bytes(_idx(array))
    return folder


def _check_tiny(source: Source) -> None:
    x_train, y_train, x_test, y_test = _arrays()
    np.testing.assert_array_equal(source.train.images[..., 0], x_train)
    np.testing.assert_array_equal(source.test.images[..., 0], x_test)
    np.testing.assert_array_equal(source.train_classes, y_train)
    np.testing.assert_array_equal(source.test_classes, y_test)
    assert source.train_classes.dtype == source.test_classes.dtype == np.int64
    assert (source.train.ids[11], source.test.ids[0]) == ("train-00011", "test-00000")


def test_the_real_mnist(mnist_dir: pathlib.Path) -> None:
    source = mnist.load(str(mnist_dir))
    assert source.train.images.shape == (60_000, 28, 28, 1)
    assert source.test.images.shape == (10_000, 28, 28, 1)
    assert source.train.images.dtype == np.uint8
    assert (source.train.ids[0], source.train.ids[-1]) == ("train-00000", "train-59999")
    # Known from the literature: how it begins, its class counts, its mean.
    assert source.train_classes[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert source.test_classes[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(source.train_classes).tolist() == counts
    assert source.train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert source.train.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_under_all_their_names(
    tmp_path: pathlib.Path, dot: str, zipped: bool
) -> None:
    for name, array in zip(_NAMES, _arrays(), strict=True):
        content = gzip.compress(_idx(array)) if zipped else _idx(array)
        path = tmp_path / (name.replace("-idx", f"{dot}idx") + ".gz" * zipped)
        path.write_bytes(content)
    _check_tiny(mnist.load(str(tmp_path)))


def test_npz(tmp_path: pathlib.Path) -> None:
    np.savez_compressed(tmp_path / "mnist.npz", **dict(zip(_KEYS, _arrays(), strict=True)))
    _check_tiny(mnist.load(str(tmp_path)))


def test_a_folder_that_is_none(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    for name, state in (("absent", "does not exist"), ("file", "is not a folder")):
        with pytest.raises(InputError, match=f"{name} {state}; give --data_dir=.*digits"):
            mnist.load(str(tmp_path / name))


def test_a_folder_without_the_files(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=f"holds neither {', '.join(_NAMES)} nor mnist.npz"):
        mnist.load(str(tmp_path))
    _folder_of(tmp_path, _arrays())
    (tmp_path / _NAMES[1]).unlink()
    with pytest.raises(InputError, match=f"holds neither {_NAMES[1]} nor mnist.npz; give"):
        mnist.load(str(tmp_path))


_MISFITS = {
    "too few labels": (1, np.zeros(11, np.uint8), r"train-labels.*\(11,\); .* 12 images"),
    "a label of 10": (3, np.array([0, 10, 3, 4], np.uint8), "t10k-labels.* from 0 to 10; "),
    "images 27 wide": (0, np.zeros((12, 28, 27), np.uint8), r"train-images.*\(12, 28, 27\)"),
    "flat images": (2, np.zeros((4, 784), np.uint8), r"t10k-images.*\(4, 784\); .*28, 28\)"),
    "labels for images": (0, np.zeros(12, np.uint8), r"train-images.*\(12,\)"),
    "images for labels": (
        1,
        np.zeros((12, 28, 28), np.uint8),
        "train-labels.*one whole number",
    ),
    "no images": (0, np.zeros((0, 28, 28), np.uint8), "train-images.* n at least 1"),
}


@pytest.mark.parametrize("kind", _MISFITS)
def test_idx_files_that_are_not_mnist(tmp_path: pathlib.Path, kind: str) -> None:
    position, array, message = _MISFITS[kind]
    arrays = _arrays()
    arrays[position] = array
    with pytest.raises(InputError, match=message):
        mnist.load(str(_folder_of(tmp_path, arrays)))


def test_a_broken_idx_file_is_named(tmp_path: pathlib.Path) -> None:
    (_folder_of(tmp_path, _arrays()) / _NAMES[0]).write_bytes(b"\0\0\x08\x03")
    with pytest.raises(InputError, match="train-images-idx3-ubyte ends within its header"):
        mnist.load(str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_test": None, "y_test": None},
            "has no x_test, y_test; expected the arrays x_train",
        ),
        ({"y_train": np.array([{}] * 12)}, "cannot be read .*[Oo]bject arrays"),
        ({"x_train": np.zeros((12, 28, 28))}, "mnist.npz, x_train has float64 values"),
        ({"y_test": np.zeros(4)}, "mnist.npz, y_test has float64 values"),
        ({"y_test": np.array([0, -1, 2, 3])}, "y_test has labels from -1 to 3"),
    ],
)
def test_npz_files_that_are_not_mnist(
    tmp_path: pathlib.Path, changes: dict, message: str
) -> None:
    arrays = {**dict(zip(_KEYS, _arrays(), strict=True)), **changes}
    np.savez(tmp_path / "mnist.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(InputError, match=message):
        mnist.load(str(tmp_path))


def test_a_pickle_is_never_run(tmp_path: pathlib.Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return pathlib.Path.touch, (tmp_path / "ran",)

    (tmp_path / "mnist.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=r"cannot be read .* expected a zip of plain"):
        mnist.load(str(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("keep", [0, 100, 5_000])
def test_a_truncated_npz(tmp_path: pathlib.Path, keep: int) -> None:
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **dict(zip(_KEYS, _arrays(), strict=True)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="cannot be read"):
        mnist.load(str(tmp_path))


def test_corrupt_bytes_within_an_npz(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **dict(zip(_KEYS, _arrays(), strict=True)))
    content = bytearray(path.read_bytes())
    content[1000:2000] = bytes(1000)
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        mnist.load(str(tmp_path))


def test_an_npz_that_unpacks_to_too_much(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "MAX_BYTES", 999)
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(1000))
    with pytest.raises(InputError, match="unpacks to 1000 bytes; expected at most 999"):
        mnist.load(str(tmp_path))


def test_offline_it_fails_at_once_and_says_what_to_do(tmp_path: pathlib.Path) -> None:
    script = (
        "import sys\n"
        "from dbal_tf.core import InputError\n"
        "from dbal_tf.datasets import mnist\n"
        "try:\n"
        "    mnist.load('')\n"
        "except InputError as error:\n"
        "    sys.exit(f'{error}')\n"
    )
    nowhere = "http://127.0.0.1:9"
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path), "HTTPS_PROXY": nowhere}
    environment |= {"https_proxy": nowhere, "NO_PROXY": "", "no_proxy": ""}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert time.monotonic() - start < 60, "tensorflow-datasets itself tries for minutes"
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "tensorflow-datasets" in line
    assert str(tmp_path) in line
    assert "ProxyError at storage.googleapis.com" in line
    assert "--data_dir=" in line
    assert "--dataset=digits" in line


def test_a_prepared_copy_of_tensorflow_datasets(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("importlib_resources", reason="tensorflow-datasets needs it to prepare")
    tf = pytest.importorskip("tensorflow")
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path))
    x_train, y_train, x_test, y_test = _arrays()
    tfds.dataset_builders.store_as_tfds_dataset(
        name="mnist",
        version="3.0.1",
        data_dir=tmp_path,
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(28, 28, 1)),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
        ),
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices(
                {"image": images[..., np.newaxis], "label": classes.astype(np.int64)}
            )
            for split, images, classes in (
                ("train", x_train, y_train),
                ("test", x_test, y_test),
            )
        },
        disable_shuffling=True,
    )
    source = mnist.load("")
    np.testing.assert_array_equal(source.train.images[..., 0], x_train)
    np.testing.assert_array_equal(source.test_classes, y_test)
    assert source.train.ids[0] == "tfds-train-00000"
    assert source.test.ids[-1] == "tfds-test-00003"


def test_an_npz_with_a_broken_header(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, **dict(zip(_KEYS, _arrays(), strict=True)))
    content = {name: array.read() for name, array in _members(path)}
    header = b"{'descr': '|u1', ("
    content["x_train.npy"] = b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in content.items():
            archive.writestr(name, array)
    with pytest.raises(InputError, match="cannot be read"):
        mnist.load(str(tmp_path))


def _members(path: pathlib.Path) -> list:
    archive = zipfile.ZipFile(path)
    return [(name, archive.open(name)) for name in archive.namelist()]
