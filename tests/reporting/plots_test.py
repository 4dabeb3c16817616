import importlib.util
import math
import sys

import numpy as np
import pytest
from PIL import Image

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import ACQUISITIONS
from dbal_tf.core import InputError
from dbal_tf.reporting import plots
from dbal_tf.reporting.curves import Line


def _curve(errors):
    return [
        CurvePoint(i, 20 + 10 * i, Evaluation(e, 0.0, 0.0, 0.0, 0.5, 0.0), 2.5, {})
        for i, e in enumerate(errors)
    ]


def _draw(folder, curves):
    lines = {
        name: Line.from_curves(dict(enumerate(of_name)), "error")
        for name, of_name in curves.items()
    }
    drawn = {name: (line.labels_p, line.errors_rp) for name, line in lines.items()}
    plots.plot_panels((folder / "curve.png",), (plots.Panel("digits", drawn),))
    with Image.open(folder / "curve.png") as image:
        return np.asarray(image.convert("RGB")), image.info["dpi"]


@pytest.fixture
def figure_of(monkeypatch, tmp_path):
    """Returns the axes that a call drew."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k))
    )

    def draw(curves):
        _draw(tmp_path, curves)
        FigureCanvasAgg(drawn[-1])  # The default canvas measures no texts.
        return drawn[-1].axes[0]

    return draw


def test_the_picture_is_a_png_of_150_dpi_and_nothing_else_is_left(tmp_path):
    pixels, dpi = _draw(tmp_path / "new", {"bald": [_curve([0.5, 0.2])]})
    assert pixels.shape == (660, 1080, 3)
    assert dpi == pytest.approx((150, 150), abs=0.1)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["curve.png"]


def test_the_line_is_the_mean_and_the_band_the_range(figure_of):
    axes = figure_of({"bald": [_curve([0.5, 0.1, 0.02]), _curve([0.3, 0.2])]})
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[20, 40], [30, 15]])
    corners = {tuple(corner) for corner in axes.collections[0].get_paths()[0].vertices.round(6)}
    assert corners == {(20, 30), (20, 50), (30, 10), (30, 20)}


def test_one_repetition_has_no_band(figure_of):
    assert not figure_of({"bald": [_curve([0.5, 0.1])]}).collections


def test_small_errors_are_told_apart(figure_of):
    axes = figure_of({"bald": [_curve(np.geomspace(0.5, 0.015, 20))]})
    axes.figure.canvas.draw()
    labels = {text.get_text(): text.get_window_extent() for text in axes.get_yticklabels()}
    assert list(labels) == ["2 %", "5 %", "10 %", "20 %", "50 %"]
    assert labels["5 %"].y0 - labels["2 %"].y1 > 30


@pytest.mark.parametrize(
    "errors", [[0.03, 0.02], [0.5], [0.021, 0.02], [0.9, 0.002], [1.0, 0.5]]
)
def test_every_range_has_ticks_with_plain_numbers(figure_of, errors):
    axes = figure_of({"bald": [_curve(errors)]})
    low, high = axes.get_ylim()
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 9
    assert all("e" not in axes.yaxis.get_major_formatter()(tick) for tick in ticks)


def test_no_error_at_all_is_drawn_at_the_bottom(figure_of):
    axes = figure_of({"bald": [_curve([0.5, 0.0])]})
    assert axes.lines[0].get_ydata().tolist() == [50, 0.1]
    assert axes.get_ylim()[0] < 0.1


def test_names_stand_beside_the_plot_without_overlap(figure_of):
    ends = dict(zip(ACQUISITIONS, (0.1, 0.0203, 0.0202, 0.0201, 0.02), strict=True))
    axes = figure_of({name: [_curve([0.5, end])] for name, end in ends.items()})
    renderer = axes.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert sorted(text.get_text() for text in axes.texts) == sorted(ACQUISITIONS)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(box.x0 > axes.bbox.x1 and box.x1 <= axes.figure.bbox.x1 for box in boxes)
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert sorted(heights, key=heights.get) == sorted(ends, key=ends.get)


def test_a_technique_has_one_colour_in_every_plot_and_no_other_shares_it(figure_of):
    curve = [_curve([0.5, 0.1])]
    alone = figure_of({"random": curve}).texts[0].get_color()
    axes = figure_of({name: curve for name in (*ACQUISITIONS, "mbr", "margin")})
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    assert colours["random"] == alone
    assert len(set(colours.values())) == 7
    assert {name: colours[name] for name in ACQUISITIONS} == plots.COLOURS


def _panel(title="bald", references=(), **ends):
    labels = np.array([20, 120])
    lines = {name: (labels, np.array([[0.5, end]])) for name, end in ends.items()}
    return plots.Panel(title, lines, dict(references))


def test_panels_stand_side_by_side_in_every_format(tmp_path):
    paths = (tmp_path / "two.png", tmp_path / "two.svg")
    panels = (_panel("bald", Bayesian=0.1, random=0.2), _panel("max_entropy", Bayesian=0.1))
    plots.plot_panels(paths, panels)
    with Image.open(paths[0]) as image:
        assert image.size == (2 * 690, 660)
    svg = paths[1].read_text()
    assert svg.count("<!-- max_entropy -->") == 1
    assert svg.count("<!-- Bayesian -->") == 2
    plots.plot_panels(paths, panels)
    assert paths[1].read_text() == svg


def test_a_reference_is_dashed_in_the_colour_of_its_line(monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    reference = (np.array([20, 220]), np.array([[0.6, 0.01]]))
    panel = _panel(references={"random": reference, "mbr": reference}, random=0.2)
    plots.plot_panels((tmp_path / "one.png",), (panel,))
    [axes] = drawn[0].axes
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_xydata().tolist() for line in dashed] == [[[20, 60], [220, 1]]]
    assert {line.get_color() for line in axes.lines} == {plots.COLOURS["random"]}
    assert axes.get_ylim()[0] < 1
    assert axes.get_ylim()[1] > 60


def test_a_panel_without_a_line_is_left_out(tmp_path):
    empty = plots.Panel("bald", {"random": (np.zeros(0, int), np.zeros((0, 0)))})
    plots.plot_panels((tmp_path / "one.png",), (empty, _panel(random=0.2)))
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (1080, 660)
    with pytest.raises(InputError, match=r"No technique has a round to draw in one\.png"):
        plots.plot_panels((tmp_path / "one.png",), (empty,))


def test_techniques_without_a_round_are_left_out(figure_of):
    axes = figure_of({"bald": [[]], "random": [_curve([0.5, 0.1]), []]})
    assert [text.get_text() for text in axes.texts] == ["random"]


def test_rounds_without_a_known_error_are_left_out(figure_of):
    axes = figure_of({"bald": [_curve([math.nan, 0.5, 0.1])], "random": [_curve([math.nan])]})
    (line,) = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert line.get_xdata().tolist() == [30, 40]
    assert [text.get_text() for text in axes.texts] == ["bald"]


@pytest.mark.parametrize("curves", [{}, {"bald": []}, {"bald": [[]]}])
def test_nothing_to_draw_is_an_input_error(tmp_path, curves):
    with pytest.raises(InputError, match=r"No technique has a round.*curve\.png"):
        _draw(tmp_path, curves)
    assert not list(tmp_path.iterdir())


def test_importing_the_module_does_not_import_matplotlib(monkeypatch):
    for name in {"matplotlib", *sys.modules}:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, name, None)  # An import of it now fails.
    spec = importlib.util.find_spec("dbal_tf.reporting.plots")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_drawing_leaves_pyplot_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    _draw(tmp_path, {"bald": [_curve([0.5, 0.1])]})
