"""Provenance of results: versions of the code and its libraries."""

import importlib.metadata
import pathlib
import subprocess
import sys

import dbal_tf

_LIBRARIES = ("tensorflow", "keras", "tensorflow-probability", "numpy")


def versions() -> dict[str, str]:
    """Returns the versions of this package, its commit, Python and libraries."""
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {
        "dbal_tf": dbal_tf.__version__,
        "commit": commit(),
        "python": ".".join(map(str, sys.version_info[:3])),
        **found,
    }


def commit() -> str:
    """Returns the git commit of the package's checkout.

    It ends with `+` if tracked files have uncommitted changes. It is empty if
    there is no checkout or no git.
    """
    root = pathlib.Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()

    # git would also search the parent folders, where an installed package may be
    # inside the checkout of another project.
    if not (root / ".git").exists():
        return ""
    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
