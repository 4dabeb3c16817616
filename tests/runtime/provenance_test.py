import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import dbal_tf
from dbal_tf.runtime import provenance


def test_versions_are_those_of_what_runs():
    versions = provenance.versions()
    assert list(versions) == [
        *("dbal_tf", "commit", "python"),
        *("tensorflow", "keras", "tensorflow-probability", "numpy"),
    ]
    assert versions["dbal_tf"] == dbal_tf.__version__
    assert versions["keras"] == keras.__version__
    assert versions["numpy"] == np.__version__
    assert sys.version.startswith(versions["python"])


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    monkeypatch.setattr(
        provenance, "__file__", str(tmp_path / "package" / "runtime" / "provenance.py")
    )
    return tmp_path


def _git(folder: pathlib.Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True
    )


def test_the_commit_and_whether_it_is_changed(checkout):
    (checkout / "file").write_text("old")
    _git(checkout, "init")
    _git(checkout, "add", "file")
    _git(checkout, "commit", "-m", "First")
    clean = provenance.commit()
    assert re.fullmatch("[0-9a-f]{12}", clean)
    (checkout / "untracked").touch()
    assert provenance.commit() == clean
    (checkout / "file").write_text("new")
    assert provenance.commit() == f"{clean}+"


def test_no_checkout_no_commit(checkout):
    assert provenance.commit() == ""


def test_a_checkout_without_a_commit_or_without_git(checkout, monkeypatch):
    _git(checkout, "init")
    assert provenance.commit() == ""
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == ""
