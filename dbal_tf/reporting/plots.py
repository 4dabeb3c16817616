"""Plots of learning curves: test error against the number of labels."""

import dataclasses
import io
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from dbal_tf.core import InputError
from dbal_tf.store.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# After Okabe and Ito: people with any colour vision can tell these apart.
COLOURS = {
    "var_ratios": "#0072B2",
    "max_entropy": "#D55E00",
    "bald": "#009E73",
    "mean_std": "#BC5C93",
    "random": "#666666",
}
INK = "#333333"
_POSTERIOR_COLOURS = {"Bayesian": "#D55E00", "deterministic": "#0072B2"}
_RANDOM_COLOURS = ("#666666", "#A0A0A0")
_OTHER_COLOURS = ("#000000", "#3C9BD6", "#B8860B", "#8E44AD")
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_FINE_TICKS = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 60, 80)
_LOWEST = 0.1  # In %; a logarithmic axis has no place for an error of 0.
_LABEL_SPACING = 0.052  # Between two names, as a fraction of the axis' height.


Lines = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Numbers of labels, int64 `[p]`, and errors, 0 to 1, float64 `[r, p]`, by name."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """One plot of a figure.

    Attributes:
        title: The title above it.
        lines: The lines, by the name that is written at the end of each.
        references: Lines to compare with: dashed, in the colour of the line
            of the same name.
    """

    title: str
    lines: Lines
    references: Lines = dataclasses.field(default_factory=dict)


def plot_panels(paths: Iterable[pathlib.Path], panels: Iterable[Panel]) -> None:
    """Draws plots of test errors against labels side by side, on equal error axes.

    A line is the mean over a technique's repetitions, its band reaches from
    the best to the worst of them, and its name stands at its end. The error
    axes are logarithmic: 2 % and 5 % are as far apart as 20 % and 50 %.

    Args:
        paths: The files to write: PNG, SVG or whatever their suffixes say.
        panels: The plots; those without a line are left out.

    Raises:
        InputError: No panel has a line yet.
    """
    # Imported here because it is slow. pyplot is avoided: it keeps figures in a global
    # list and may need a display.
    from matplotlib.figure import Figure

    paths, shown = tuple(paths), [panel for panel in map(_started, panels) if panel.lines]
    if not shown:
        raise InputError(
            f"No technique has a round to draw in {paths[0].name}; expected at least "
            "one; let the run finish a round first."
        )
    width = 7.2 if len(shown) == 1 else 4.6 * len(shown)
    figure = Figure(figsize=(width, 4.4), layout="constrained")
    colours = _colours(dict.fromkeys(name for panel in shown for name in panel.lines))
    # One error axis for all panels, so that they can be compared.
    drawn = np.concatenate([errors.ravel() for panel in shown for errors in _errors(panel)])
    for axes, panel in zip(
        figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True
    ):
        _draw_panel(axes, panel, colours, drawn)
    save(figure, paths, dpi=150)


def save(figure: "Figure", paths: Iterable[pathlib.Path], dpi: int) -> None:
    """Writes a figure to files: PNG, SVG or whatever their suffixes say."""
    from matplotlib import rc_context

    for path in paths:
        picture = io.BytesIO()
        # Without random names and dates, the same numbers give the same file.
        with rc_context({"svg.hashsalt": "dbal_tf"}):
            metadata = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(picture, format=path.suffix[1:], dpi=dpi, metadata=metadata)
        write_atomically(path, picture.getvalue())


def _started(panel: Panel) -> Panel:
    # An error is NaN where no test image has a known class.
    known = {name: np.isfinite(errors).all(axis=0) for name, (_, errors) in panel.lines.items()}
    lines = {
        name: (labels[known[name]], errors[:, known[name]])
        for name, (labels, errors) in panel.lines.items()
        if known[name].any()
    }
    return dataclasses.replace(panel, lines=lines)


def _errors(panel: Panel) -> list[np.ndarray]:
    """Returns the errors of all lines that are drawn in a panel."""
    references = [line for name, line in panel.references.items() if name in panel.lines]
    return [errors for _, errors in (*panel.lines.values(), *references)]


def _draw_panel(axes: "Axes", panel: Panel, colours: dict[str, str], drawn: np.ndarray) -> None:
    """Draws a panel; its axis covers `drawn`, the errors of all panels of the figure."""
    for name, (labels, errors) in panel.references.items():
        if name not in panel.lines:
            continue
        percent = np.maximum(100 * errors.mean(axis=0), _LOWEST)
        axes.plot(labels, percent, "--", color=colours[name], linewidth=1, alpha=0.7)
    for name, (labels, errors) in panel.lines.items():
        _draw_line(axes, labels, np.maximum(100 * errors, _LOWEST), colours[name])
    _style(axes, panel.title, drawn)
    _write_names(axes, panel.lines, colours)


def _colours(names: Iterable[str]) -> dict[str, str]:
    """Returns a colour for each name: fixed for known techniques, free for others."""
    names = list(names)
    # Colours of absent known techniques come last, since readers know what they mean.
    free = [*_OTHER_COLOURS, *(c for name, c in COLOURS.items() if name not in names)]
    known = COLOURS | _POSTERIOR_COLOURS
    random = [name for name in names if name.endswith(", random")]
    others = [name for name in names if name not in known and name not in random]
    for some, colours in ((random, _RANDOM_COLOURS), (others, free)):
        known |= {name: colours[i % len(colours)] for i, name in enumerate(some)}
    return known


def _draw_line(axes: "Axes", labels: np.ndarray, percent: np.ndarray, colour: str) -> None:
    mean = percent.mean(axis=0)
    if len(percent) > 1:
        low, high = percent.min(axis=0), percent.max(axis=0)
        axes.fill_between(labels, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(labels, mean, color=colour, linewidth=1.8, solid_capstyle="round")
    axes.plot(labels[-1:], mean[-1:], "o", color=colour, markersize=4, clip_on=False)


def _style(axes: "Axes", title: str, errors: np.ndarray) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    low, high = max(100 * errors.min(), _LOWEST), max(100 * errors.max(), _LOWEST)
    axes.set_yscale("log")
    # The top is at least twice the bottom, so that there are two round ticks.
    margin = max(1.12, np.sqrt(2 * low / high))
    axes.set_ylim(low / margin, high * margin)
    axes.yaxis.set_major_locator(FixedLocator(_ticks(low / margin, high * margin)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    axes.margins(x=0.02)
    axes.set_title(title, loc="left", color=INK, fontsize=12, fontweight="bold", pad=12)
    axes.set_xlabel("number of labels", color=INK)
    axes.set_ylabel("test error", color=INK)
    draw_frame(axes)


def draw_frame(axes: "Axes") -> None:
    """Gives axes a pale grid and, of a frame, only the lower line."""
    axes.tick_params(colors=INK, length=0)
    axes.grid(color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#BBBBBB")


def _ticks(low: float, high: float) -> list[float]:
    """Returns round numbers in a range, about four to eight of them."""
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    return ticks if len(ticks) > 3 else [tick for tick in _FINE_TICKS if low <= tick <= high]


def _write_names(axes: "Axes", lines: Lines, colours: dict[str, str]) -> None:
    """Writes each name to the right of the plot, at the height where its line ends."""
    low, high = np.log(axes.get_ylim())
    ends = {name: errors[:, -1].mean() for name, (_, errors) in lines.items()}
    names = sorted(ends, key=ends.__getitem__)
    percents = [max(100 * ends[name], _LOWEST) for name in names]
    heights = _apart((np.log(percents) - low) / (high - low))
    # The lowest names must not hang below the axis, over its title.
    lowest = _LABEL_SPACING * (np.arange(len(heights)) + 0.5)
    heights = np.maximum(heights, lowest)
    for name, height in zip(names, heights, strict=True):
        axes.text(
            *(1.02, height, name),
            transform=axes.transAxes,
            color=colours[name],
            fontweight="bold",
            verticalalignment="center",
        )


def _apart(heights: np.ndarray) -> np.ndarray:
    """Moves ascending heights apart, a little each, so that no names overlap."""
    # Minus the steps, heights that are far enough apart still ascend. For the others,
    # the running maximum and minimum ascend, and so does the mean of the two.
    steps = _LABEL_SPACING * np.arange(len(heights))
    pushed_up = np.maximum.accumulate(heights - steps)
    pushed_down = np.minimum.accumulate((heights - steps)[::-1])[::-1]
    return (pushed_up + pushed_down) / 2 + steps
