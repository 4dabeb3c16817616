"""Where the real data is that some tests measure against."""

import os
import pathlib

import pytest

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
