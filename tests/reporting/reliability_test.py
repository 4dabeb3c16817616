import numpy as np
import pytest

from dbal_tf.reporting.reliability import reliability_diagram

_BLUE, _GREY = (0, 114, 178), (190, 190, 190)


def _columns(picture, colour):
    """How many pixels of a colour each column of the picture has."""
    return (picture == colour).all(axis=2).sum(axis=0)


def test_bars_are_as_high_as_the_share_that_is_right():
    picture = reliability_diagram([(10, 0.25, 0.5), (10, 0.75, 1.0)])
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)
    heights = _columns(picture, _BLUE)
    left, right = heights[heights > 0][20], heights[heights > 0][-20]
    assert left / right == pytest.approx(0.5, abs=0.02)


def test_counts_are_relative_to_the_fullest_bin():
    heights = _columns(reliability_diagram([(5, 0.25, 0.0), (20, 0.75, 0.0)]), _GREY)
    present = heights[heights > 0]
    assert present[0] / present[-1] == pytest.approx(0.25, abs=0.05)


def test_empty_bins_have_no_bar():
    nothing = reliability_diagram([(0, 0.0, 0.0)] * 15)
    one = reliability_diagram([(0, 0.0, 0.0)] * 14 + [(1, 0.99, 1.0)])
    assert not _columns(nothing, _BLUE).any() and not _columns(nothing, _GREY).any()
    bars = np.flatnonzero(_columns(one, _BLUE))
    assert bars.min() > 0.8 * one.shape[1] * 240 / 304
