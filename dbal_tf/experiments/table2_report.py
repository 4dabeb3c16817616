"""The report of `--experiment=table2`: systems and active learning, ours and published."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from dbal_tf.config import ACQUISITIONS, Config
from dbal_tf.core import InputError
from dbal_tf.experiments.active_rows import ActiveRun
from dbal_tf.experiments.bought_rows import labels_table
from dbal_tf.experiments.comparison import DASH, spread
from dbal_tf.experiments.fit import Fit
from dbal_tf.experiments.fit_result import FitResult
from dbal_tf.experiments.paper import (
    AS_CODED,
    FIGURE1,
    TABLE2,
    TABLE2_LABELS,
    TABLE2_VARIANTS,
)
from dbal_tf.reporting import page
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.tables import duration
from dbal_tf.store.files import write_atomically

_HEADER = (
    "system",
    "runs",
    "test error (%)",
    "published",
    "difference",
    "minutes a run",
    "labels",
    "unlabelled images",
)


def write(
    config: Config,
    grid: Sequence[Fit],
    ended: Mapping[str, FitResult],
    active: Sequence[ActiveRun],
    bought: Sequence[FitResult] = (),
) -> list[str]:
    """Writes `report.html` and `report.md` of the fits that have ended.

    Args:
        config: The settings.
        grid: All fits.
        ended: The results of those that have ended, by their paths.
        active: Runs of active learning to show beside them.
        bought: Fits on labels that active learning bought, to compare with them.

    Returns:
        The lines of a table, what is missing, and where the report is.

    Raises:
        InputError: There is nothing to report.
    """
    if not ended and not active:
        raise InputError(
            f"--run_dir={config.run_dir} holds no fit that has ended; run some, or copy some "
            "there, then report them."
        )
    folder, table = pathlib.Path(config.run_dir), main_table(config, ended, active)
    of_labels = labels_table([*ended.values(), *bought])
    shown = page.Page(
        f"Table 2: semi-supervised and active learning, {config.dataset}",
        status(grid, ended),
        _captions(config, ended),
        [
            table,
            *([of_labels] if of_labels.rows else []),
            *([hyper_parameters([*ended.values(), *bought]), cost(ended)] if ended else []),
        ],
    )
    write_atomically(folder / "report.html", page.to_html(shown))
    write_atomically(folder / "report.md", page.to_markdown(shown))
    return ["", *_console(table), *shown.status, f"Report: {folder / 'report.html'}"]


def status(grid: Sequence[Fit], ended: Mapping[str, FitResult]) -> list[str]:
    """Returns sentences that name the fits that have not ended."""
    open_ = [fit.path for fit in grid if fit.path not in ended]
    sentences = [f"{len(grid) - len(open_)} of {len(grid)} fits have ended."]
    return [*sentences, f"Not ended: {', '.join(open_)}."] if open_ else sentences


def main_table(
    config: Config, ended: Mapping[str, FitResult], active: Sequence[ActiveRun]
) -> Table:
    """Returns a row for each system that has a result, and each technique beside it."""
    by_system: dict[str, list[FitResult]] = {}
    for result in ended.values():
        by_system.setdefault(result.system, []).append(result)
    names = [name for name in (*TABLE2, *TABLE2_VARIANTS) if name in by_system]
    rows = [_system_row(config, name, by_system[name]) for name in names]
    counts = [result.labels for result in ended.values()]
    # The systems set the number of labels; active learning is shown at the same number.
    labels = max(counts or [run.curve[-1].labels for run in active] or [0])
    averages = []
    for technique in ACQUISITIONS:
        runs = [run for run in active if run.technique == technique and run.at(labels)]
        if runs:
            rows.append(_active_row(config, technique, runs, labels))
            errors = [point.evaluation.error for run in runs if (point := run.at(labels))]
            averages.append(f"{technique} {spread(errors)}")
    notes = [
        "Mean over the repetitions (minimum to maximum). Published: as cited in the paper. A "
        "test error of 1.5 to 5 % on 10,000 images has a standard deviation of 0.12 to 0.22 "
        "points."
    ]
    if not TABLE2_VARIANTS.keys().isdisjoint(names):
        notes.append(
            "Pseudo-label without autoencoder and the ladder network of all layers are not in "
            "the paper: published is what their authors report."
        )
    if averages:
        notes.append(
            "Active learning uses unlabelled images only to choose which to label. Its test "
            "error is measured with dropout off, as in the authors' code. By the mean of the "
            "samples it is: "
            f"{'; '.join(averages)}."
        )
    return Table("Test error at equal labels", _HEADER, rows, notes)


def _system_row(config: Config, name: str, results: Sequence[FitResult]) -> list[str]:
    published, title = (TABLE2 | TABLE2_VARIANTS)[name]
    labels = [result.labels for result in results]
    # The paper has no numbers for labels that were bought.
    balanced = not any(result.bought_by for result in results)
    target = published if balanced and _is_the_papers(config, labels) else None
    return [
        title,
        *_measured([result.error for result in results], target),
        f"{np.mean([result.seconds for result in results]) / 60:.1f}",
        _counts(labels),
        _counts([result.unlabelled for result in results]),
    ]


def _active_row(
    config: Config, technique: str, runs: Sequence[ActiveRun], labels: int
) -> list[str]:
    points = [point for run in runs if (point := run.at(labels))]
    reached = [point.labels for point in points]
    numbers = FIGURE1.numbers[technique]
    # The paper's table leaves out mean_std, which the authors' code does not compute.
    comparable = _is_the_papers(config, reached) and numbers.defect != AS_CODED
    return [
        f"active learning, {technique}",
        *_measured(
            [point.evaluation.deterministic_error for point in points],
            numbers.error_at_1000 if comparable else None,
        ),
        f"{np.mean([run.seconds(labels) for run in runs]) / 60:.1f}",
        _counts(reached),
        DASH,
    ]


def _measured(errors: Sequence[float], published: float | None) -> list[str]:
    cells = [str(len(errors)), spread(errors)]
    if published is None:
        return [*cells, DASH, DASH]
    return [*cells, f"{published:.2f}", f"{100 * np.mean(errors) - published:+.2f}"]


def _is_the_papers(config: Config, labels: Sequence[int]) -> bool:
    """Whether the paper has numbers for these images and this number of labels."""
    return config.dataset == "mnist" and not config.classes and set(labels) == {TABLE2_LABELS}


def _counts(counts: Sequence[int]) -> str:
    few, many = min(counts), max(counts)
    return f"{many}" if few == many else f"{few} to {many}"


def _captions(config: Config, ended: Mapping[str, FitResult]) -> list[str]:
    if not ended:
        return []
    sources = {result.bought_by for result in ended.values()}
    labels = " or ".join(
        f"were bought by active learning ({one})" if one else "are balanced, drawn by seed"
        for one in sorted(sources)
    )
    checked = _counts([result.validation for result in ended.values()])
    return [
        f"The labels {labels}. {checked} other labels are for validation: hyper-parameters are "
        f"chosen on them, never on test images. Schedule: {config.schedule}."
    ]


def hyper_parameters(results: Sequence[FitResult]) -> Table:
    """Returns a row for each system and schedule, or more if fits had different values."""
    texts = [
        ", ".join(f"{name} {value}" for name, value in result.hyper_parameters.items())
        for result in results
    ]
    rows = {
        (result.system, result.schedule, text): None
        for result, text in zip(results, texts, strict=True)
    }
    header = ["system", "schedule", "values"]
    return Table("Hyper-parameters", header, [list(row) for row in rows])


def cost(ended: Mapping[str, FitResult]) -> Table:
    """Returns each fit's errors and time, with the code and data that it came from."""
    results = ended.values()
    libraries = {
        ", ".join(f"{k} {v}" for k, v in result.versions.items() if k != "commit")
        for result in results
    }
    rows = [
        [
            path,
            f"{100 * result.error:.2f}",
            f"{100 * result.validation_error:.2f}",
            ", ".join(f"{k} {v:.3g}" for k, v in result.chosen.items()) or DASH,
            f"{result.seconds / 60:.1f}",
            str(result.seed),
            result.started[:16],
            result.versions.get("commit") or "unknown",
        ]
        for path, result in ended.items()
    ]
    checksums = sorted({result.dataset_checksum[:12] for result in results})
    return Table(
        "Fits and provenance",
        [
            *("fit", "test error (%)", "validation (%)", "chosen by it", "minutes", "seed"),
            *("started", "commit"),
        ],
        rows,
        (
            f"In all {duration(sum(result.seconds for result in results))} of wall time, "
            "not counting work that was lost by a stop. A + after a commit: the code had "
            f"uncommitted changes. Data: SHA-256 {' or '.join(checksums)}. Versions: "
            f"{'; or '.join(sorted(libraries))}.",
        ),
    )


def _console(table: Table) -> list[str]:
    """Returns the first columns of the table, aligned, at most 79 characters wide."""
    widths = (42, 5, 24, 8)
    cells = [["system", "runs", "error (%)", "paper"], *(row[:4] for row in table.rows)]
    return [
        row[0][: widths[0]].ljust(widths[0])
        + "".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in cells
    ]
