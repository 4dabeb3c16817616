"""The report of `--experiment=melanoma`: AUC, and positives that were bought."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments import account, rare_class
from dbal_tf.experiments.comparison import DASH, mean_and_range
from dbal_tf.experiments.grid import Experiment, Result
from dbal_tf.experiments.groups import group_results
from dbal_tf.experiments.rare_class import Compared
from dbal_tf.reporting import page
from dbal_tf.reporting.measure_plots import MeasurePanel, Series, plot_measures
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.uncertainty import CONFIDENCE, auc_standard_error
from dbal_tf.store.files import write_atomically

_MOST_ASKED = 15
_LABELS = "number of labels"
_BINS_FIGURE = "reliability"
_PERCENT = f"{100 * CONFIDENCE:.0f} %"


def write(experiment: Experiment, config: Config, results: Sequence[Result]) -> list[str]:
    """Writes `report.html`, `report.md`, and figures as PNG and SVG.

    The figure is `<experiment>.svg`. `reliability.svg` is written only if the runs have
    stores, because published results do not contain its bins.

    Returns:
        Lines of a table, what is missing, and where the report is.

    Raises:
        InputError: No run has a round, or there is no AUC.
    """
    folder = pathlib.Path(config.run_dir)
    techniques = rare_class.compared(group_results(results))
    _check(config, techniques)
    figure = folder / f"{config.experiment}.svg"
    plot_measures((figure, figure.with_suffix(".png")), _rows(config, techniques))
    panels = _reliability(techniques)
    if panels:
        path = folder / f"{_BINS_FIGURE}.svg"
        plot_measures((path, path.with_suffix(".png")), [panels])
    auc = auc_table(techniques)
    shown = page.Page(
        f"{experiment.title}, {config.dataset}",
        account.status(results)[:1],
        [*_captions(config, bool(panels)), *experiment.captions],
        _tables(config, results, techniques, auc),
    )
    write_atomically(folder / "report.html", page.to_html(shown, figure.read_text("utf-8")))
    write_atomically(folder / "report.md", page.to_markdown(shown, figure.name))
    return ["", *_console(auc), *shown.status, f"Report: {folder / 'report.html'}"]


def _check(config: Config, techniques: Sequence[Compared]) -> None:
    if not techniques:
        raise InputError(
            f"--run_dir={config.run_dir} holds no run with a round; run some, or copy some "
            "there, then report them."
        )
    for one in techniques:
        if not np.isfinite(one.line("auc").errors_rp).all():
            raise InputError(
                f"The runs of {one.group.name} have test items of one class, which have no "
                "AUC; expected both in each test set; give fewer --folds or more images."
            )


def _tables(
    config: Config, results: Sequence[Result], techniques: Sequence[Compared], auc: Table
) -> list[Table]:
    positive = rare_class.positive_name(config)
    made = [
        auc,
        minus_random(techniques, "auc", "AUC minus that of random", "+.3f"),
        _means(techniques, "positives", f"Labels that are {positive}", ".1f"),
        minus_random(techniques, "positives", f"The same, minus random: {positive}", "+.1f"),
        _means(
            techniques,
            "sensitivity",
            f"Sensitivity ({positive}) at a specificity of 0.8",
            ".3f",
        ),
        minus_random(techniques, "sensitivity", "The same, minus random: sensitivity", "+.3f"),
        _means(techniques, "ece", "Expected calibration error", ".3f"),
        _means(techniques, "nll", "Negative log likelihood, nats", ".3f"),
        most_asked(results, positive),
    ]
    return account.complete(made, config, results)


def auc_table(techniques: Sequence[Compared]) -> Table:
    """Returns the AUC of every technique at each number of labels."""
    table = _means(techniques, "auc", "AUC by the number of labels", ".3f")
    errors = [auc_standard_error(0.75, *counts) for counts in ((35, 137), (43, 172))]
    return dataclasses.replace(
        table,
        notes=(
            "AUC of the mean over the posterior samples, on each run's test images; mean over "
            "the runs (minimum to maximum). It is computed per fold and then averaged, because "
            "probabilities of different networks are not on one scale. A single AUC of 0.75 "
            f"has a standard error of {errors[0]:.3f} with 35 positive and 137 negative test "
            f"images, and of {errors[1]:.3f} with 43 and 172 (Hanley and McNeil, 1982).",
        ),
    )


def _means(techniques: Sequence[Compared], measure: str, title: str, form: str) -> Table:
    """Returns a row for each technique: mean, minimum and maximum over its runs."""
    counts = _counts(techniques)
    rows = []
    for one in techniques:
        line = one.line(measure)
        at = {n: line.errors_rp[:, p] for p, n in enumerate(line.labels_p.tolist())}
        if np.isfinite(line.errors_rp).all():
            cells = [mean_and_range(at[n], form) if n in at else DASH for n in counts]
            rows.append([one.group.name, str(len(line.repetitions)), *cells])
    header = ["technique", "runs", *(f"at {count}" for count in counts)]
    return Table(title, header, rows, ("Mean over the runs (minimum to maximum).",))


def minus_random(techniques: Sequence[Compared], measure: str, title: str, form: str) -> Table:
    """Returns paired differences between every technique and random of its variant."""
    counts = _counts(techniques)
    rows = []
    for one in techniques:
        if not one.has_pairs:
            continue
        labels_p, values_rp = one.differences(measure)
        at = {n: values_rp[:, p] for p, n in enumerate(labels_p.tolist())}
        cells = [
            rare_class.interval_cell(at[n], one.group.test_to_train, form) if n in at else DASH
            for n in counts
        ]
        if set(cells) != {DASH}:
            rows.append([one.group.name, str(len(values_rp)), *cells])
    header = ["technique", "pairs", *(f"at {count}" for count in counts)]
    return Table(
        title,
        header,
        rows,
        (
            "A pair is the same repetition of both, with the same test images, first labels, "
            f"initial weights and masks. Mean over the pairs ± half of its {_PERCENT} t "
            "interval, corrected for the training images that folds share (Nadeau and Bengio, "
            "2003). In brackets: the interval if the pairs were independent, which is too "
            "narrow. A difference below the first interval is not distinguishable from chance "
            "in these runs.",
        ),
    )


def most_asked(results: Sequence[Result], positive: str) -> Table:
    """Returns the items that most runs of the first variant asked for in the first query."""
    begun = [result for result in results if len(result.curve) > 1]
    variant = begun[0].cell.variant.folder if begun else ""
    of_variant = [result for result in begun if result.cell.variant.folder == variant]
    asked, classes = rare_class.first_queries(of_variant), rare_class.classes_of(of_variant)
    techniques = [name for name in asked if name != "random"]
    totals = {i: sum(asked[t].get(i, 0) for t in techniques) for i in classes}
    top = sorted(classes, key=lambda item: (-totals[item], item))[:_MOST_ASKED]
    runs = {t: sum(r.cell.acquisition == t for r in of_variant) for t in asked}
    rows = [
        [
            item,
            positive if classes[item] == rare_class.POSITIVE else "other",
            *(f"{asked[t].get(item, 0)} of {runs[t]}" for t in asked),
        ]
        for item in top
        if techniques
    ]
    title = of_variant[0].cell.variant.title if begun else ""
    return Table(
        f"Images that most runs asked for in their first query: {title}",
        ["image", "class", *asked],
        rows,
        (
            "Sorted by the sum over all techniques except random. A run cannot ask for its "
            "test images or its initial images. Only the first query is listed, because by "
            "the last round most of the pool is bought.",
        ),
    )


def _rows(config: Config, techniques: Sequence[Compared]) -> list[list[MeasurePanel]]:
    positive = rare_class.positive_name(config)
    variants = {one.group.variant.folder: one.group.variant for one in techniques}
    rows: list[list[MeasurePanel]] = [[], [], []]
    for folder, variant in variants.items():
        mine = {x.group.acquisition: x for x in techniques if x.group.variant.folder == folder}
        paired = {name: x for name, x in mine.items() if x.has_pairs}
        counts = _counts(list(mine.values()))
        zero = (counts, [0.0] * len(counts))
        auc = {name: one.mean("auc") for name, one in mine.items()}
        rows[0].append(MeasurePanel(variant.title, _LABELS, "AUC", auc))
        for row, measure, title in (
            (rows[1], "auc", "AUC minus random"),
            (rows[2], "positives", f"{positive} labels, minus random"),
        ):
            series = {name: one.minus_random(measure) for name, one in paired.items()}
            row.append(MeasurePanel("", _LABELS, title, series, zero))
    return rows


def _reliability(techniques: Sequence[Compared]) -> list[MeasurePanel]:
    """Returns reliability diagrams after the last round; empty if no run has the bins."""
    panels: dict[str, dict[str, Series]] = {}
    for one in techniques:
        points = [curve[-1].evaluation.reliability for curve in one.group.counted.values()]
        if all(points):
            bins = np.array(points)  # [r, bin, (count, confidence, right)]
            counts = bins[..., 0].sum(axis=0)
            kept = counts > 0
            confidence, right = (
                (bins[..., 0] * bins[..., k]).sum(axis=0)[kept] / counts[kept] for k in (1, 2)
            )
            # Binomial: folds of one repetition have no test image in common.
            half = 1.96 * np.sqrt(right * (1 - right) / counts[kept])
            lines = panels.setdefault(one.group.variant.title, {})
            lines[one.group.acquisition] = Series(confidence, right, half)
    diagonal = ([0.5, 1.0], [0.5, 1.0])
    return [
        MeasurePanel(title, "confidence", "share that is right", lines, diagonal)
        for title, lines in panels.items()
    ]


def _captions(config: Config, has_bins: bool) -> list[str]:
    sentences = [
        "Top: mean AUC. Middle: mean difference to random, over pairs of runs, with its "
        f"corrected {_PERCENT} interval. Bottom: the same difference for the number of "
        f"{rare_class.positive_name(config)} labels bought."
    ]
    if has_bins:
        sentences.append(
            f"{_BINS_FIGURE}.svg: accuracy of the predictions by their confidence, after the "
            "last round, over all runs. The intervals are binomial, and too narrow because the "
            "repetitions test on the same images."
        )
    return sentences


def _counts(techniques: Sequence[Compared]) -> list[int]:
    return sorted({n for one in techniques for n in one.line("auc").labels_p.tolist()})


def _console(table: Table) -> list[str]:
    """Returns the means of the table, aligned."""
    cells = [table.header, *([cell.split(" (")[0] for cell in row] for row in table.rows)]
    width = 2 + max(len(row[0]) for row in cells)
    return [row[0].ljust(width) + "".join(cell.rjust(8) for cell in row[1:]) for row in cells]
