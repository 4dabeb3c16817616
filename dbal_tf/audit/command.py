"""Checks runs by the files in their folders, or prints the lineage of a number.

  python -m dbal_tf.audit RUN_DIR...                    one line per check
  python -m dbal_tf.audit RUN_DIR --lineage=point/7     lineage of a curve point

All runs below a folder are checked, and so are published results (curve.csv,
picks.csv, flags.cfg, versions.json), as far as they record what is needed. Exit
status: 1 if a check fails, 2 if there is nothing to check or a store cannot be
opened. Changes nothing on disk.
"""

import argparse
import pathlib
import sqlite3
import sys
from collections.abc import Sequence
from typing import NoReturn

from dbal_tf.audit.checks import CHECKS, UNREADABLE, check
from dbal_tf.audit.facts import find_runs, read_facts
from dbal_tf.audit.lineage import lineage
from dbal_tf.core import InputError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"dbal_tf: {message}; see --help.\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        "dbal_tf.audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run_dirs", metavar="RUN_DIR", type=pathlib.Path, nargs="+")
    parser.add_argument("--lineage", help="model/N, score/N or point/N: of round N")
    return parser.parse_args(arguments)


def audit(folder: pathlib.Path) -> bool:
    """Prints one line per check of a run; returns whether all passed.

    Raises:
        InputError: The folder does not hold the files of a run, or its store
            cannot be opened.
    """
    print(folder)
    try:
        facts = read_facts(folder)
    except sqlite3.DatabaseError as error:
        print(f"  {'store is whole':<32}WRONG: it is damaged ({error})")
        return False
    outcomes = [check(one, facts) for one in CHECKS]
    for _, line in outcomes:
        print(line)
    return all(passed for passed, _ in outcomes)


def _lineage(folder: pathlib.Path, name: str) -> str:
    try:
        return lineage(read_facts(folder), name)
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(
            f"{folder} holds a value that cannot be read ({error!r}), expected what a run "
            "writes; audit it without --lineage to see what is wrong."
        ) from error


def main(arguments: Sequence[str]) -> int:
    """Runs the program; returns its exit status."""
    options = _options(arguments)
    try:
        runs = [run for folder in options.run_dirs for run in find_runs(folder)]
        if options.lineage:
            print(*(_lineage(run, options.lineage) for run in runs), sep="\n\n")
            return 0
        return max(_status(run) for run in runs)
    except (InputError, sqlite3.DatabaseError, OSError) as error:
        print(f"dbal_tf: {error}", file=sys.stderr)
        return 2


def _status(run: pathlib.Path) -> int:
    """Audits a run; returns 0, 1 if a check failed, or 2 if the run cannot be read."""
    try:
        return 0 if audit(run) else 1
    except (InputError, sqlite3.DatabaseError, OSError) as error:
        print(f"dbal_tf: {error}", file=sys.stderr)
        return 2


def cli() -> None:
    """Runs the program with the command line's arguments."""
    sys.exit(main(sys.argv[1:]))
