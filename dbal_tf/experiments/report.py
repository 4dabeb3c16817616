"""The reports of experiments: their files, and the parts of each."""

import pathlib
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dbal_tf.config import Config
from dbal_tf.experiments import account, against_paper, comparison, paired
from dbal_tf.experiments.grid import Experiment, Result
from dbal_tf.experiments.groups import Group, group_results
from dbal_tf.experiments.paper import authors_curve
from dbal_tf.reporting import page, tables
from dbal_tf.reporting.plots import Lines, Panel, plot_panels
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import CURVE_PLOT

PANEL_TITLES = {
    "error": "the network",
    "graph_error": "the harmonic solution",
    "graph_mass_error": "the same, with class masses",
}
"""The titles of panels, if an experiment has one panel for each measure."""


def compare(experiment: Experiment, config: Config, results: Sequence[Result]) -> list[str]:
    """Draws `curve.png`; returns the lines of a table that compares the techniques."""
    del experiment  # Has one variant and neither title nor captions.
    groups = group_results(results)
    plot = pathlib.Path(config.run_dir, CURVE_PLOT)
    # All measures of a run share one plot: the names say which lines are the harmonic
    # solution's.
    lines = _lines({group.name: group for group in groups})
    table = _console_table(groups)
    errors = [errors for _, errors in lines.values() if errors.size]
    if errors and all(np.isnan(one).all() for one in errors):
        return ["", table, "No learning curve: no test image has a known class."]
    plot_panels((plot,), (Panel(f"{config.dataset}, {config.posterior}", lines),))
    return ["", table, f"Learning curve: {plot}"]


def write(experiment: Experiment, config: Config, results: Sequence[Result]) -> list[str]:
    """Writes `report.html`, `report.md`, and the figure as `<experiment>.png` and `.svg`.

    All of them cover the rounds that are committed so far.

    Returns:
        The lines of a table, what is missing, and where the report is.
    """
    folder = pathlib.Path(config.run_dir)
    groups = group_results(results)
    figure = folder / f"{config.experiment}.svg"
    # The HTML page embeds the SVG, Markdown links to it, and the PNG is for viewers
    # without SVG.
    plot_panels((figure, figure.with_suffix(".png")), _panels(experiment, config, groups))
    shown = page.Page(
        f"{experiment.title}, {config.dataset}",
        account.status(results),
        [*_legend(config, groups), *experiment.captions],
        _tables(experiment, config, groups, results),
    )
    write_atomically(folder / "report.html", page.to_html(shown, figure.read_text("utf-8")))
    write_atomically(folder / "report.md", page.to_markdown(shown, figure.name))
    return [
        "",
        _console_table(groups),
        *(textwrap.fill(sentence, 79) for sentence in shown.status),
        f"Report: {folder / 'report.html'}",
    ]


def _console_table(groups: Sequence[Group]) -> str:
    return tables.comparison_table(
        {group.name: group.line for group in groups},
        {group.name: group.seconds for group in groups},
    )


def _panels(experiment: Experiment, config: Config, groups: Sequence[Group]) -> list[Panel]:
    return [
        Panel(
            title or config.dataset,
            _lines(of_panel),
            dict(_references(config, of_panel)),
        )
        for title, of_panel in _by_panel(experiment, groups).items()
    ]


def _lines(panel: dict[str, Group]) -> Lines:
    """Returns the lines of a panel, in the order in which they are drawn."""
    # Random is drawn first, so that it does not cover lines that equal it.
    drawn = sorted(panel.items(), key=lambda item: item[1].acquisition != "random")
    return {name: (group.line.labels_p, group.line.errors_rp) for name, group in drawn}


def _by_panel(experiment: Experiment, groups: Sequence[Group]) -> dict[str, dict[str, Group]]:
    """Returns the groups by the title of their panel, and by their name there.

    The panel of a technique also holds random of every variant.
    """
    panels: dict[str, dict[str, Group]] = {}
    if experiment.panels == "measure":
        for group in groups:
            name = group.results[0].cell.name
            panels.setdefault(PANEL_TITLES[group.measure], {})[name] = group
        return panels
    # The names in these panels do not say whose error a line shows, so it is always
    # the network's.
    networks = [group for group in groups if group.is_network]
    if experiment.panels == "variant":
        for group in networks:
            panels.setdefault(group.variant.title, {})[group.acquisition] = group
        return panels
    random: dict[str, Group] = {}
    for group in networks:
        if group.acquisition == "random":
            random[group.name] = group
        else:
            panels.setdefault(group.acquisition, {})[group.variant.title] = group
    return {title: panel | random for title, panel in panels.items()} or {"random": random}


def _references(
    config: Config, panel: dict[str, Group]
) -> Iterable[tuple[str, tuple[Any, ...]]]:
    for name, group in panel.items():
        if published := against_paper.comparable(config, group):
            curve = authors_curve(published.curves, group.acquisition)
            if curve is not None:
                yield name, curve


def _legend(config: Config, groups: Sequence[Group]) -> list[str]:
    sentences = ["Lines: mean test error over the repetitions; bands: minimum to maximum."]
    if any(against_paper.comparable(config, group) for group in groups):
        sentences.append("Dashed: the authors' stored curves, the means of their runs.")
    return sentences


def _tables(
    experiment: Experiment,
    config: Config,
    groups: Sequence[Group],
    results: Sequence[Result],
) -> list[page.Table]:
    panels = [list(panel.values()) for panel in _by_panel(experiment, groups).values()]
    made = [
        comparison.summary(experiment, groups),
        against_paper.published_numbers(config, groups),
        against_paper.authors_errors(experiment, config, groups),
        comparison.saved(experiment, groups),
        *(make(config, results) for make in experiment.tables),
        paired.differences(experiment, [*panels, *paired.same_technique(groups)]),
        paired.single_fits(experiment, groups),
    ]
    return account.complete(made, config, results)
