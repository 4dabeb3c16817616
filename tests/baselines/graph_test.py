"""Similarity graphs: known weights, copies of an image, and what is refused."""

import doctest

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dbal_tf.baselines import graph
from dbal_tf.core import InputError

# Corners of a triangle with sides 3, 4 and 5.
TRIANGLE = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
POINTS = hnp.arrays(
    np.float64, st.tuples(st.integers(4, 9), st.just(2)), elements=st.floats(0, 1)
)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(graph).failed == 0


def test_pixels_are_rows_in_0_to_1() -> None:
    images = np.array([[[[0], [255]], [[51], [102]]]], np.uint8)
    np.testing.assert_array_equal(graph.pixels(images), [[0, 1, 0.2, 0.4]])


def test_full_graph_by_hand() -> None:
    a, b, c = np.exp([-9 / 8, -16 / 8, -25 / 8])
    expected = [[0, a, b], [a, 0, c], [b, c, 0]]
    np.testing.assert_allclose(graph.rbf_graph(TRIANGLE, scale=2.0), expected, rtol=1e-12)


def test_median_of_the_triangle_is_4() -> None:
    np.testing.assert_allclose(
        graph.rbf_graph(TRIANGLE), graph.rbf_graph(TRIANGLE, scale=4.0), rtol=1e-12
    )


def test_median_of_many_points_is_near_that_of_all() -> None:
    points = np.random.default_rng(0).normal(size=(2500, 3))
    weights = graph.rbf_graph(points)
    squared = np.square(points[0] - points[1]).sum()
    scale = np.sqrt(-squared / 2 / np.log(weights[0, 1]))
    every = np.linalg.norm(points[:, np.newaxis] - points[np.newaxis, ::5], axis=-1)
    assert scale == pytest.approx(np.median(every), rel=0.02)


def test_nearest_neighbours_by_hand() -> None:
    # Each chooses one: 0 and 1 each other, 2 the nearest, which is 0.
    a, b = np.exp([-9 / 8, -16 / 8])
    weights = graph.knn_graph(TRIANGLE, 1, scale=2.0)
    assert scipy.sparse.issparse(weights)
    np.testing.assert_allclose(weights.toarray(), [[0, a, b], [a, 0, 0], [b, 0, 0]], rtol=1e-12)


def test_median_edge_of_nearest_neighbours() -> None:
    # The edges are 0-1, 1-0 and 2-0, of lengths 3, 3 and 4.
    np.testing.assert_allclose(
        graph.knn_graph(TRIANGLE, 1).toarray(), graph.knn_graph(TRIANGLE, 1, 3.0).toarray()
    )


@given(POINTS, st.floats(0.1, 10))
def test_every_neighbour_is_the_full_graph(points: np.ndarray, scale: float) -> None:
    every = graph.knn_graph(points, len(points) - 1, scale).toarray()
    np.testing.assert_allclose(every, graph.rbf_graph(points, scale), atol=1e-9)


@given(POINTS, st.floats(0.01, 10), st.integers(1, 3))
def test_weights_are_symmetric_in_0_to_1_without_loops(
    points: np.ndarray, scale: float, k: int
) -> None:
    for weights in (
        graph.rbf_graph(points, scale),
        graph.knn_graph(points, k, scale).toarray(),
    ):
        np.testing.assert_allclose(weights, weights.T, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(weights.diagonal(), 0)
        assert weights.min() >= 0
        assert weights.max() <= 1


def test_copies_have_weight_1_and_no_say_in_the_scale() -> None:
    # Large values, whose distances are rounded; those that are not zero are 3.
    points = 1e3 + np.repeat([[0.1, 0.2], [3.1, 0.2]], 5, axis=0)
    for weights in (graph.rbf_graph(points), graph.knn_graph(points, 5).toarray()):
        assert weights[0, 4] == 1
        assert weights[weights > 0].min() == pytest.approx(np.exp(-1 / 2), rel=1e-6)


def test_no_distance_but_zero() -> None:
    equal, pairs = np.full((6, 3), 0.3), np.repeat(TRIANGLE, 2, axis=0)
    with pytest.raises(InputError, match=r"All 36 distances are zero.*; give others, more nei"):
        graph.rbf_graph(equal)
    with pytest.raises(InputError, match="All 6 distances are zero"):
        graph.knn_graph(pairs, 1)
    np.testing.assert_array_equal(graph.rbf_graph(equal, scale=1.0), 1 - np.eye(6))
    np.testing.assert_array_equal(
        graph.knn_graph(pairs, 1, scale=1.0).toarray(), np.kron(np.eye(3), 1 - np.eye(2))
    )


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scale_out_of_range(scale: float) -> None:
    for build in (graph.rbf_graph, lambda p, s: graph.knn_graph(p, 1, s)):
        with pytest.raises(
            InputError, match=f"scale of {scale} cannot be used; expected a pos"
        ):
            build(TRIANGLE, scale)


def test_a_tiny_scale_leaves_no_edges_and_no_nan() -> None:
    np.testing.assert_array_equal(graph.rbf_graph(TRIANGLE, 1e-200), np.zeros((3, 3)))


@pytest.mark.parametrize("k", [0, 3])
def test_number_of_neighbours_out_of_range(k: int) -> None:
    with pytest.raises(InputError, match=f"{k} neighbours .* among 3 images; expected 1 to 2"):
        graph.knn_graph(TRIANGLE, k)


def test_memory_is_checked_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    graph.check_memory(100, matrices=2, available=160_000)
    with pytest.raises(InputError, match=r"101 images takes 0\.0 GiB.* at most 100 images"):
        graph.check_memory(101, matrices=2, available=160_000)
    with pytest.raises(InputError, match=r"10000000 images takes 745058\.1 GiB"):
        graph.check_memory(10**7, matrices=1)
    monkeypatch.setattr(graph, "_available_bytes", lambda: 8 * 4)
    with pytest.raises(InputError, match="at most 2 images; give a part of the pool"):
        graph.rbf_graph(TRIANGLE)


def test_the_machine_has_some_memory() -> None:
    assert 2**20 < graph._available_bytes() < 2**50
