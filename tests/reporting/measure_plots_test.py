import numpy as np
import pytest
from PIL import Image

from dbal_tf.reporting.measure_plots import MeasurePanel, Series, plot_measures
from dbal_tf.reporting.plots import COLOURS


def _panel(**heights):
    x = np.array([100, 200])
    lines = {
        name: Series(x, np.array(y), np.array([np.nan, 0.1])) for name, y in heights.items()
    }
    return MeasurePanel("trunk", "labels", "AUC", lines, ([100, 200], [0, 0]))


@pytest.fixture
def figure(tmp_path, monkeypatch):
    """The figure that is drawn of two rows of two panels."""
    from matplotlib.figure import Figure

    drawn, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k))
    )
    rows = [[_panel(bald=[0.5, 0.7], random=[0.5, 0.6]), _panel(random=[0.2, 0.3])]] * 2
    plot_measures((tmp_path / "a.png", tmp_path / "a.svg"), rows)
    return drawn[0]


def test_lines_have_their_techniques_colours_and_one_axis_a_row(figure):
    left, right = figure.axes[:2]
    lines = {line.get_gid(): line for line in left.get_lines() if line.get_gid()}
    assert {name: line.get_color() for name, line in lines.items()} == {
        name: COLOURS[name] for name in ("bald", "random")
    }
    np.testing.assert_array_equal(lines["bald"].get_ydata(), [0.5, 0.7])
    assert left.get_ylim() == right.get_ylim()
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["bald", "random"]


def test_intervals_stand_side_by_side(figure):
    left = figure.axes[0]
    bars = [c.get_segments() for c in left.collections if len(c.get_segments()) == 1]
    ends = sorted((float(x), float(low), float(high)) for [[(x, low), (_, high)]] in bars)
    assert [one[1:] for one in ends] == [pytest.approx((0.6, 0.8)), pytest.approx((0.5, 0.7))]
    assert ends[0][0] < 200 < ends[1][0], "one point of each has an interval"


def test_the_files(figure, tmp_path):
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1092, 858)
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
