"""The reports of experiments: which files there are, and what is in them."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from dbal_tf.config import Config
from dbal_tf.experiments import account, comparison
from dbal_tf.experiments.grid import Experiment, Result
from dbal_tf.experiments.groups import Group, curves_by_name, groups_of
from dbal_tf.experiments.paper import authors_curve
from dbal_tf.reporting import page, tables
from dbal_tf.reporting.plots import Panel, plot_learning_curves, plot_panels
from dbal_tf.store.files import write_atomically

PANEL_TITLES = {
    "error": "the network",
    "graph_error": "the harmonic solution",
    "graph_mass_error": "the same, with class masses",
}


def compare(experiment: Experiment, config: Config, results: Sequence[Result]) -> list[str]:
    """Draws `curve.png`; returns the lines of a table that compares the techniques."""
    del experiment
    curves = curves_by_name(results)
    plot = pathlib.Path(config.run_dir, "curve.png")
    plot_learning_curves(plot, curves, title=f"{config.dataset}, {config.posterior}")
    return ["", tables.comparison_table(curves), f"Learning curve: {plot}"]


def write(experiment: Experiment, config: Config, results: Sequence[Result]) -> list[str]:
    """Writes `report.html`, `report.md` and the figure of what there is.

    The figure is `<experiment>.png` and `.svg`.

    Returns:
        The lines of a table, what is missing, and where the report is.
    """
    folder = pathlib.Path(config.run_dir)
    groups = groups_of(results)
    figure = folder / f"{config.experiment}.svg"
    plot_panels((figure, figure.with_suffix(".png")), _panels(experiment, config, groups))
    shown = page.Page(
        f"{experiment.title}, {config.dataset}",
        account.status(results),
        [*_legend(config, groups), *experiment.captions],
        _tables(experiment, config, groups, results),
    )
    write_atomically(folder / "report.html", page.to_html(shown, figure.read_text("utf-8")))
    write_atomically(folder / "report.md", page.to_markdown(shown, figure.name))
    table = tables.comparison_table({g.name: list(g.counted.values()) for g in groups})
    return ["", table, *shown.status, f"Report: {folder / 'report.html'}"]


def _panels(experiment: Experiment, config: Config, groups: Sequence[Group]) -> list[Panel]:
    return [
        Panel(
            title or config.dataset,
            {name: (g.line.labels_p, g.line.errors_rp) for name, g in _drawn(of_panel)},
            dict(_references(config, of_panel)),
        )
        for title, of_panel in _by_panel(experiment, groups).items()
    ]


def _drawn(panel: dict[str, Group]) -> list[tuple[str, Group]]:
    """The lines of a panel from below: random's must not cover what equals it."""
    return sorted(panel.items(), key=lambda item: item[1].acquisition != "random")


def _by_panel(experiment: Experiment, groups: Sequence[Group]) -> dict[str, dict[str, Group]]:
    """The groups by their panel's title and their name there.

    Panels of a technique hold every variant's random beside it.
    """
    panels: dict[str, dict[str, Group]] = {}
    if experiment.panels == "measure":
        for group in groups:
            panels.setdefault(PANEL_TITLES[group.measure], {})[group.results[0].cell.name] = (
                group
            )
        return panels
    if experiment.panels == "variant":
        for group in groups:
            panels.setdefault(group.variant.title, {})[group.acquisition] = group
        return panels
    random: dict[str, Group] = {}
    for group in groups:
        if group.acquisition == "random":
            random[group.name] = group
        else:
            panels.setdefault(group.acquisition, {})[group.variant.title] = group
    return {title: panel | random for title, panel in panels.items()} or {"random": random}


def _references(config: Config, panel: dict[str, Group]) -> Iterable[tuple[str, tuple]]:
    for name, group in panel.items():
        published = comparison.comparable(config, group)
        if published and group.measure == "error":
            curve = authors_curve(published.curves, group.acquisition)
            if curve is not None:
                yield name, curve


def _legend(config: Config, groups: Sequence[Group]) -> list[str]:
    sentences = ["Lines: mean test error over the repetitions; bands: least to most."]
    if any(comparison.comparable(config, group) for group in groups):
        sentences.append("Dashed: the authors' stored curves, means of their runs.")
    return sentences


def _tables(
    experiment: Experiment,
    config: Config,
    groups: Sequence[Group],
    results: Sequence[Result],
) -> list[page.Table]:
    panels = list(_by_panel(experiment, groups).values())
    stamp = account.stamp(config, results)
    made = [
        comparison.summary(experiment, groups),
        comparison.against_paper(config, groups),
        comparison.authors_errors(experiment, config, groups),
        comparison.saved(experiment, groups),
        comparison.differences([list(panel.values()) for panel in panels]),
    ]
    stamped = [
        dataclasses.replace(table, notes=(*table.notes, stamp)) for table in made if table.rows
    ]
    return [*stamped, account.protocol(experiment, config), account.cost(results)]
