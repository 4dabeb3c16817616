"""What tests share: where the real data is, a toy data set, runs, the program."""

import os
import pathlib

import numpy as np
import pytest
from absl.testing import flagsaver

from dbal_tf import startup
from dbal_tf.artifacts import Dataset, Examples, Labels
from dbal_tf.config import Config

startup.import_tensorflow()

_BESIDE_PROJECT = pathlib.Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def test_data() -> pathlib.Path:
    """The folder of real data: DBAL_TEST_DATA, else ../shared/data."""
    folder = os.environ.get("DBAL_TEST_DATA")
    return _existing(pathlib.Path(folder) if folder else _BESIDE_PROJECT / "data")


@pytest.fixture(scope="session")
def mnist_dir(test_data: pathlib.Path) -> pathlib.Path:
    """The folder with MNIST's four idx files."""
    return _existing(test_data / "mnist")


def _existing(folder: pathlib.Path) -> pathlib.Path:
    if folder.is_dir():
        return folder
    reason = f"needs real data in {folder}; set DBAL_TEST_DATA to the folder that has it"
    if os.environ.get("CI") == "true" and _BESIDE_PROJECT.is_dir():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def toy() -> Dataset:
    """Three classes of 8x8 images, a bright band each: 60 to train on, 31 to test.

    Split into 6 initial, 9 validation and 45 pool items.
    """
    from dbal_tf.datasets.splits import make_splits

    rng = np.random.default_rng(0)
    classes = np.arange(91) % 3
    images = rng.integers(0, 120, (91, 8, 8, 1))
    for image, label in zip(images, classes, strict=True):
        image[2 * label : 2 * label + 3] += 80
    ids = np.array([f"toy-{row:02d}" for row in range(91)])
    items, hidden = Examples(ids, images.astype(np.uint8)), Labels(ids, classes)
    train, test = ids[:60], ids[60:]
    splits = make_splits(train, classes[:60], 3, initial_per_class=2, validation_size=9, seed=0)
    return Dataset(
        "toy",
        items.select(train),
        splits,
        hidden.first(60),
        items.select(test),
        Labels(test, classes[60:]),
        ("low", "middle", "high"),
        checksum="toy",
    )


@pytest.fixture
def tiny(tmp_path: pathlib.Path) -> Config:
    """Settings of a run of seconds in a folder of its own."""
    return Config(
        dataset="digits",
        rounds=3,
        epochs=3,
        num_samples=5,
        pool_subset=100,
        weight_decay="2.5",
        seed=4,
        run_dir=str(tmp_path / "run"),
    )


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the SavedModel, which takes half of a tiny run's time."""
    from dbal_tf.components.pusher import Pusher

    monkeypatch.setattr(Pusher, "run", lambda self, *_: self.folder / "left_out")


class Program:
    """The program in this process: parses and runs a command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *flags: str) -> tuple[int, str, str]:
        """Returns the exit status, stdout and stderr."""
        from dbal_tf import main

        self._capsys.readouterr()
        with flagsaver.flagsaver():
            try:
                status = main._main(main._parse(["dbal_tf", *flags]))
            except SystemExit as end:
                status = end.code
            finally:
                main.FLAGS.unparse_flags()
        return (status, *self._capsys.readouterr())


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in this process."""
    return Program(capsys)
