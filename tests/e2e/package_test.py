"""The wheel holds all that the program needs, away from the checkout."""

import configparser
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_NOT_SOURCE = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built without network from a copy of what setup.py reads."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    # setuptools writes build/ and *.egg-info beside setup.py.
    shutil.copytree(_ROOT / "dbal_tf", source / "dbal_tf", ignore=_NOT_SOURCE)
    for name in ("LICENSE", "pyproject.toml", "setup.py"):
        shutil.copy(_ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", str(source), "--wheel-dir", str(out)]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    files = (path for path in (_ROOT / "dbal_tf").rglob("*") if path.is_file())
    wanted = {p.relative_to(_ROOT).as_posix() for p in files if "__pycache__" not in p.parts}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert {"dbal_tf/py.typed", "dbal_tf/experiments/authors_curves.csv"} <= held


def test_the_wheel_has_the_licence(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_the_programs_are_on_the_path(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entry_points = configparser.ConfigParser()
    entry_points.read_string(wheel.read(name).decode())
    assert dict(entry_points["console_scripts"]) == {
        "dbal_tf": "dbal_tf.main:cli",
        "dbal_tf-audit": "dbal_tf.audit.command:cli",
        "dbal_tf-label": "dbal_tf.label:cli",
    }
