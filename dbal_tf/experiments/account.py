"""What a report says of its runs: protocol, cost, provenance, what is missing."""

import dataclasses
from collections.abc import Sequence

from dbal_tf.artifacts import PHASES
from dbal_tf.config import Config
from dbal_tf.experiments.grid import Experiment, Result
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.tables import duration


def status(results: Sequence[Result]) -> list[str]:
    """Returns sentences on which runs are finished, under way and missing."""
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
            f"Not finished, and counted only where no repetition is: {', '.join(begun)}."
        )
    if missing:
        sentences.append(f"Missing: {', '.join(missing)}.")
    return sentences


def stamp(config: Config, results: Sequence[Result]) -> str:
    """Returns the sentence below every table: protocol, commit and cost in short."""
    begun = [result for result in results if result.curve]
    time = duration(sum(_seconds(result) for result in begun))
    queries = dict.fromkeys(_queries(result.cell.config) for result in begun)
    commits = sorted({_commit(result) for result in begun})
    return (
        f"{config.dataset}; {'; or '.join(queries)}; T = {config.num_samples}; commit "
        f"{' or '.join(commits)}; {len(begun)} runs, {time}."
    )


def _queries(config: Config) -> str:
    scored = f"a random {config.pool_subset}" if config.pool_subset else "the whole pool"
    return (
        f"{config.initial_per_class} per class at the start, {config.acquisition_size} a query "
        f"of {scored}"
    )


def _commit(result: Result) -> str:
    return result.record.versions.get("commit") or "unknown"


def _seconds(result: Result) -> float:
    return sum(sum(point.seconds.values()) for point in result.curve)


def protocol(experiment: Experiment, config: Config) -> Table:
    """Returns the settings that make the runs what they are, by variant."""
    varied = {"experiment", "acquisition", "repetition", "repetitions"}
    settings = [variant.settings(config) for variant in experiment.variants]
    names = [
        field.name
        for field in dataclasses.fields(Config)
        if field.name in (Config.identity() | {"rounds"}) - varied
    ]
    titles = [variant.title or variant.folder or "all runs" for variant in experiment.variants]
    texts = [one.texts() for one in settings]
    rows = [[f"--{name}", *(of[name] for of in texts)] for name in names]
    return Table("Protocol", ["flag", *titles], rows)


def cost(results: Sequence[Result]) -> Table:
    """Returns the wall time of every run by phase, and what made it."""
    begun = [result for result in results if result.curve]
    header = ["run", "rounds", *PHASES, "in all", "started", "committed", "commit"]
    libraries = {
        ", ".join(f"{k} {v}" for k, v in result.record.versions.items() if k != "commit")
        for result in begun
    }
    return Table(
        "Cost (minutes) and provenance",
        header,
        [_cost_row(result) for result in begun],
        (
            "Wall time, pauses of a halted process included. A + after a commit: with changes "
            f"that are not committed. Versions: {'; or '.join(sorted(libraries))}.",
        ),
    )


def _cost_row(result: Result) -> list[str]:
    phases = [sum(point.seconds.get(phase, 0.0) for point in result.curve) for phase in PHASES]
    return [
        result.cell.path or ".",
        f"{len(result.curve) - 1} of {result.cell.config.rounds}",
        *(f"{seconds / 60:.1f}" for seconds in phases),
        f"{_seconds(result) / 60:.1f}",
        result.record.started[:16],
        result.record.committed[:16],
        _commit(result),
    ]
