#!/usr/bin/env python3
"""Copies the small result files of runs to a folder, and prints a table of them.

    python tools/collect_results.py --out=docs/results/mnist RUN_DIR [RUN_DIR ...]

It copies curve.csv, flags.cfg, picks.csv (round, rank, id, class, score) and
versions.json of each finished run, or with `--unfinished` of every run. The runs of
a grid keep their sub-folders, so that `--report_only` can report on the copies. Of
fits of semi-supervised systems (`--experiment=table2`) it copies result.json and
flags.cfg. For single runs it draws a curve.png with all runs that the folder then
has. The table is in Markdown.
"""

import argparse
import json
import pathlib

import numpy as np

from dbal_tf.artifacts import PHASES, CurvePoint
from dbal_tf.audit.facts import find_runs
from dbal_tf.config.flagfile import differing_flags, from_flagfile
from dbal_tf.experiments.fit_result import FitResult, read_result
from dbal_tf.reporting.curves import Line
from dbal_tf.reporting.plots import Panel, plot_panels
from dbal_tf.store.csv_files import curve_csv, read_curve_csv
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import (
    CURVE_FILE,
    FLAGS_FILE,
    PICKS_FILE,
    RESULT_FILE,
    STORE_FILE,
    VERSIONS_FILE,
)
from dbal_tf.store.published import is_published, picks_csv
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import joined_versions
from dbal_tf.store.run_dir import current_flags

FOLDERS = (
    *("--run_dir=", "--data_dir=", "--labels_csv=", "--groups_csv="),
    *("--feature_cache=", "--labels_from="),
)


def main() -> None:
    """Collects the runs that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--title", default="MNIST, whole pool, T = 100")
    parser.add_argument("--at", type=int, nargs="+", default=[100, 200, 340, 500, 1000])
    parser.add_argument("--unfinished", action="store_true", help="runs under way too")
    parser.add_argument("runs", type=pathlib.Path, nargs="+")
    options = parser.parse_args()
    for folder in options.runs:
        for fit in sorted(path.parent for path in folder.rglob(RESULT_FILE)):
            name = str(fit.relative_to(folder))
            result = collect_fit(fit, options.out / (fit.name if name == "." else name))
            print(f"{name}: {100 * result.error:.2f} %, {result.seconds / 60:.1f} min")
    runs = [(folder, run) for folder in options.runs for run in runs_in(folder)]
    if runs:
        collect_runs(runs, options)


def runs_in(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the runs in a folder, which must have at least one unless it has fits."""
    has_fits = any(folder.rglob(RESULT_FILE))
    has_runs = any(any(folder.rglob(name)) for name in (STORE_FILE, PICKS_FILE))
    runs = [] if has_fits and not has_runs else find_runs(folder)
    if published := [run for run in runs if is_published(run)]:
        raise SystemExit(f"{published[0]} was collected before; give the folders of runs.")
    return runs


def collect_runs(
    runs: list[tuple[pathlib.Path, pathlib.Path]], options: argparse.Namespace
) -> None:
    """Copies runs, given as pairs of a folder and a run in it; prints their table."""
    print(f"| run | {' | '.join(map(str, options.at))} | {' | '.join(PHASES)} | commit |")
    print("|---" * (2 + len(options.at) + len(PHASES)) + "|")
    for folder, run in runs:
        name = str(run.relative_to(folder))
        name = run.name.removeprefix("mnist-") if name == "." else name
        if options.unfinished or is_finished(run):
            curve, versions = collect(run, options.out / name)
            print(row(name, curve, options.at, versions["commit"]))
    # Runs of a grid are in deeper folders, and have their report instead.
    lines = {}
    for path in sorted(options.out.glob("*/curve.csv"), reverse=True):
        line = Line.from_curves({0: read_curve_csv(path.read_text())}, "error")
        # Of a person's run, no test image may have a class.
        if np.isfinite(line.errors_rp).any():
            lines[path.parent.name] = line.labels_p, line.errors_rp
    if lines:
        plot_panels((options.out / "curve.png",), (Panel(options.title, lines),))


def is_finished(run: pathlib.Path) -> bool:
    """Returns whether all rounds of a run are committed."""
    reader = RunReader.open(run)
    return len(reader.curve()) > from_flagfile(current_flags(run, reader)).rounds


def collect(run: pathlib.Path, out: pathlib.Path) -> tuple[list[CurvePoint], dict[str, str]]:
    """Copies the results of a run; returns its curve and the versions that produced it."""
    reader = RunReader.open(run)
    rounds = reader.rounds()
    curve = [one.point for one in rounds]
    versions = joined_versions(rounds) or reader.run().versions
    flags = kept_flags(run, out)
    # The run may continue meanwhile, so the curve read above decides what belongs to it.
    # Answers to a query count only when it is complete.
    waits = bool(len(reader.pending(from_flagfile(flags).acquisition_size)))
    told = [
        row
        for row in reader.label_rows()
        if row.round is None or row.round < len(curve) - waits
    ]
    write_atomically(out / PICKS_FILE, picks_csv(told))
    write_atomically(out / VERSIONS_FILE, json.dumps(versions, indent=2) + "\n")
    write_atomically(out / CURVE_FILE, curve_csv(curve))
    write_atomically(out / FLAGS_FILE, flags)
    return curve, versions


def collect_fit(fit: pathlib.Path, out: pathlib.Path) -> FitResult:
    """Copies the result of a fit and its flags; returns the result."""
    result, flags = read_result(fit), kept_flags(fit, out)
    # The flags do not say which system it is, nor which run bought its labels.
    before = read_result(out)
    if before and _identity(before) != _identity(result):
        raise SystemExit(f"{out} holds another fit than {fit}; give each an --out of its own.")
    write_atomically(out / RESULT_FILE, result.to_json())
    write_atomically(out / FLAGS_FILE, flags)
    return result


def _identity(result: FitResult) -> tuple[str, ...]:
    return result.system, result.bought_by, result.labels_sha256


def kept_flags(run: pathlib.Path, out: pathlib.Path) -> str:
    """Returns the lines of a flags.cfg that apply on any machine."""
    text, kept = (run / FLAGS_FILE).read_text(), out / FLAGS_FILE
    lines = text.splitlines(keepends=True)
    flags = "".join(line for line in lines if not line.startswith(FOLDERS))
    if kept.exists() and differing_flags(from_flagfile(text), kept.read_text()):
        raise SystemExit(f"{out} holds another run than {run}; give each an --out of its own.")
    return flags


def row(name: str, curve: list[CurvePoint], at: list[int], commit: str) -> str:
    """Returns the table row of a run: errors in % at numbers of labels, minutes by phase."""
    errors = {point.labels: f"{100 * point.evaluation.error:.2f}" for point in curve}
    cells = [errors.get(count, "-") for count in at]
    for phase in PHASES:
        seconds = sum(point.seconds.get(phase, 0.0) for point in curve)
        cells.append(f"{seconds / 60:.1f} min")
    return f"| {name} | {' | '.join(cells)} | {commit} |"


if __name__ == "__main__":
    main()
