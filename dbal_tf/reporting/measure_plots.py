"""Plots of any measure, on linear axes: a grid of panels with lines and intervals."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dbal_tf.reporting.plots import COLOURS, INK, draw_frame, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PALE, _OTHER = "#999999", "#000000"
_APART = 0.012  # Between the intervals of two lines, as a fraction of the axis.


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """A line of a panel.

    Attributes:
        x_p: Where its points are, ascending, `[p]`.
        y_p: Their heights, `[p]`.
        half_width_p: Half the widths of their intervals, `[p]`; NaN: none.
    """

    x_p: np.ndarray
    y_p: np.ndarray
    half_width_p: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class MeasurePanel:
    """A plot of a grid.

    Attributes:
        title: The title above it.
        x_label: The label of its x axis.
        y_label: The label of its y axis.
        series: Its lines, by name.
        reference: A dashed line to compare with: x and y of its points.
    """

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, Series]
    reference: tuple[Sequence[float], Sequence[float]] = ((), ())


def plot_measures(
    paths: Iterable[pathlib.Path], rows: Sequence[Sequence[MeasurePanel]]
) -> None:
    """Draws panels in rows; the panels of a row share a y axis.

    Args:
        paths: The files to write: PNG, SVG or whatever their suffixes say.
        rows: The panels, equally many in each row, and at least one row.
    """
    from matplotlib.figure import Figure

    size = 1.2 + 3.6 * len(rows[0]), 0.6 + 3.0 * len(rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False, sharey="row")
    for row, axes_of_row in zip(rows, grid, strict=True):
        for panel, axes in zip(row, axes_of_row, strict=True):
            _draw(axes, panel)
        axes_of_row[0].set_ylabel(row[0].y_label, color=INK)
    # One legend for all panels, which have the same techniques, or fewer.
    lines: dict[str, Axes] = {}
    for axes in grid.ravel():
        lines |= {line.get_label(): line for line in axes.get_lines() if line.get_gid()}
    figure.legend(
        list(lines.values()), list(lines), loc="outside lower center", ncols=6, frameon=False
    )
    save(figure, paths, dpi=130)


def _draw(axes: "Axes", panel: MeasurePanel) -> None:
    axes.plot(*panel.reference, "--", color=_PALE, linewidth=1)
    ends = [x for series in panel.series.values() for x in series.x_p[[0, -1]]]
    step = _APART * (max(ends) - min(ends)) if ends else 0.0
    for number, (name, series) in enumerate(panel.series.items()):
        colour = COLOURS.get(name, _OTHER)
        # Lines are shifted only if they have intervals, which would cover each other.
        has_interval = np.isfinite(series.half_width_p)
        shift = step * (number - (len(panel.series) - 1) / 2) * bool(has_interval.any())
        x_p = series.x_p + shift
        axes.plot(
            x_p, series.y_p, "o-", color=colour, label=name, gid=name, markersize=3.5, lw=1.6
        )
        axes.errorbar(
            *(x_p[has_interval], series.y_p[has_interval]),
            yerr=series.half_width_p[has_interval],
            fmt="none",
            ecolor=colour,
            elinewidth=1.2,
            capsize=2.5,
        )
    axes.set_title(panel.title, loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.set_xlabel(panel.x_label, color=INK)
    draw_frame(axes)
