"""What a report says about its runs: what is missing, settings, cost and provenance."""

import dataclasses
from collections.abc import Sequence

from dbal_tf.artifacts import PHASES
from dbal_tf.config import Config
from dbal_tf.experiments.grid import Result
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.tables import duration


def status(results: Sequence[Result]) -> list[str]:
    """Returns sentences that name the runs that are not finished."""
    finished = [result for result in results if result.is_finished]
    begun = [
        f"{r.cell.path} (round {len(r.curve) - 1} of {r.cell.config.rounds})"
        for r in results
        if r.curve and not r.is_finished
    ]
    missing = [result.cell.path for result in results if not result.curve]
    sentences = [f"{len(finished)} of {len(results)} runs are finished."]
    if begun:
        sentences.append(
            f"Not finished, and used only where no repetition is finished: {', '.join(begun)}."
        )
    if missing:
        sentences.append(f"Missing: {', '.join(missing)}.")
    return sentences


def complete(tables: Sequence[Table], config: Config, results: Sequence[Result]) -> list[Table]:
    """Returns the tables of a report: those with rows, stamped, then protocol and cost."""
    note = stamp(config, results)
    # Each table names its runs and settings, because tables are copied out of reports.
    stamped = [
        dataclasses.replace(table, notes=(*table.notes, note)) for table in tables if table.rows
    ]
    return [*stamped, protocol(results), cost(results)]


def stamp(config: Config, results: Sequence[Result]) -> str:
    """Returns the sentence below every table: settings, commits and cost."""
    begun = [result for result in results if result.curve]
    time = duration(sum(_seconds(result) for result in begun))
    queries = dict.fromkeys(_queries(result.cell.config) for result in begun)
    # The runs of a grid may come from several machines with different commits.
    commits = sorted({one for result in begun for one in _commit(result).split(" or ")})
    return (
        f"{config.dataset}; {'; or '.join(queries)}; T = {config.num_samples}; commit "
        f"{' or '.join(commits)}; {len(begun)} runs, {time}."
    )


def _queries(config: Config) -> str:
    scored = f"a random {config.pool_subset}" if config.pool_subset else "the whole pool"
    start = f"{config.initial_per_class} per class"
    if config.initial_counts:
        start = ", ".join(value.replace(":", " ") for value in config.initial_counts)
    if config.pool_counts:
        scored += f" of {', '.join(config.pool_counts)}".replace(":", " ")
    if config.pool_copies > 1:
        scored += f", each image {config.pool_copies} times"
    return f"{start} at the start, {config.acquisition_size} per query from {scored}"


def _commit(result: Result) -> str:
    return result.outcome.versions.get("commit") or "unknown"


def _seconds(result: Result) -> float:
    return sum(sum(point.seconds.values()) for point in result.curve)


def protocol(results: Sequence[Result]) -> Table:
    """Returns the settings that the runs of each variant share."""
    varied = {"experiment", "acquisition", "repetition", "repetitions"}
    names = [
        field.name
        for field in dataclasses.fields(Config)
        # The number of rounds may grow later, but it says what the report covers.
        if field.name in (Config.identity() | {"rounds"}) - varied
    ]
    # One run stands for its variant: its runs differ only in the settings in `varied`.
    cells = {result.cell.variant.folder: result.cell for result in results}.values()
    titles = [cell.variant.title or cell.variant.folder or "all runs" for cell in cells]
    texts = [cell.config.texts() for cell in cells]
    rows = [[f"--{name}", *(of[name] for of in texts)] for name in names]
    return Table("Protocol", ["flag", *titles], rows)


def cost(results: Sequence[Result]) -> Table:
    """Returns the wall time of every run by phase, and the code that produced the run."""
    begun = [result for result in results if result.curve]
    header = ["run", "rounds", *PHASES, "in all", "started", "committed", "commit"]
    libraries = {
        ", ".join(f"{k} {v}" for k, v in result.outcome.versions.items() if k != "commit")
        for result in begun
    }
    return Table(
        "Cost (minutes) and provenance",
        header,
        [_cost_row(result) for result in begun],
        (
            "Wall time, including the time that a process was paused. A + after a commit: the "
            f"code had uncommitted changes. Versions: {'; or '.join(sorted(libraries))}.",
        ),
    )


def _cost_row(result: Result) -> list[str]:
    # A phase may be missing: older runs did not time their exports.
    phases = [sum(point.seconds.get(phase, 0.0) for point in result.curve) for phase in PHASES]
    return [
        result.cell.path or ".",
        f"{len(result.curve) - 1} of {result.cell.config.rounds}",
        *(f"{seconds / 60:.1f}" for seconds in phases),
        f"{_seconds(result) / 60:.1f}",
        result.outcome.started[:16],
        result.outcome.committed[:16],
        _commit(result),
    ]
