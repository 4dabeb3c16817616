"""Charts and their kernel: planes are found, and the kernel has no negative eigenvalue."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbal_tf.baselines.semi_supervised import atlas
from dbal_tf.baselines.semi_supervised.atlas import Atlas, atlas_kernel, chart_weights


def random_atlas(rng, charts=3, dimension=2, components=5):
    bases = [np.linalg.qr(rng.normal(size=(components, dimension)))[0].T for _ in range(charts)]
    return Atlas(rng.normal(size=(charts, components)), np.stack(bases))


def kernel_of(charts, points, others, near, width):
    weights = [chart_weights(charts.squared_distances(side), near) for side in (points, others)]
    return atlas_kernel(charts, (points, others), tuple(weights), width)


def test_examples_in_docstrings():
    assert doctest.testmod(atlas).failed == 0


def test_distance_to_a_plane_by_hand():
    plane = Atlas(np.array([[0.0, 0.0, 2.0]]), np.eye(3)[np.newaxis, :2])
    points = np.array([[7.0, -1.0, 2.0], [3.0, 4.0, 5.0]])
    np.testing.assert_allclose(plane.squared_distances(points), [[0], [9]])
    np.testing.assert_allclose(plane.coordinates(points, 0), [[7, -1], [3, 4]])


def test_kernel_by_hand():
    # Two lines in the plane: the axes. Both points are as near to either line.
    axes = Atlas(np.zeros((2, 2)), np.eye(2)[:, np.newaxis])
    points = np.array([[1.0, 1.0], [1.0, 3.0]])
    weights = np.array([[0.6, 0.8], [1.0, 0.0]])
    kernel = atlas_kernel(axes, (points, points), (weights, weights), width=2.0)
    # On the first line, the first coordinates are equal: 0.6 * 1 * exp(0).
    np.testing.assert_allclose(kernel, [[1, 0.6], [0.6, 1]])
    swapped = weights[:, ::-1]
    kernel = atlas_kernel(axes, (points, points), (swapped, swapped), width=2.0)
    np.testing.assert_allclose(kernel[0, 1], 0.6 * np.exp(-4 / 8))


@given(st.integers(0, 10_000), st.floats(0.05, 5), st.floats(0.05, 5))
@settings(max_examples=40, deadline=None)
def test_kernel_is_positive_semi_definite(seed, near, width):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(15, 5))
    kernel = kernel_of(random_atlas(rng), points, points, near, width)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(kernel), 1)
    assert np.linalg.eigvalsh(kernel).min() > -1e-10
    assert kernel.min() >= 0


def test_kernel_is_that_of_a_plain_sum():
    rng = np.random.default_rng(0)
    charts, x, y = random_atlas(rng), rng.normal(size=(4, 5)), rng.normal(size=(6, 5))
    wx, wy = (chart_weights(charts.squared_distances(side), 1.0) for side in (x, y))
    expected = np.zeros((4, 6))
    for i, j in np.ndindex(4, 6):
        for c in range(3):
            gap = charts.bases[c] @ (x[i] - y[j])
            expected[i, j] += wx[i, c] * wy[j, c] * np.exp(-gap @ gap / (2 * 0.7**2))
    np.testing.assert_allclose(kernel_of(charts, x, y, 1.0, 0.7), expected)


@given(st.integers(0, 10_000), st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_weights_have_squares_that_sum_to_1(seed, width):
    squared = np.random.default_rng(seed).exponential(10, size=(7, 4))
    weights = chart_weights(squared, width)
    np.testing.assert_allclose(np.square(weights).sum(axis=1), 1)
    np.testing.assert_array_equal(weights.argmax(axis=1), squared.argmin(axis=1))


def test_two_planes_are_found():
    """Points of two parallel planes, far apart, have no distance to their charts."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, size=(200, 3))
    points[:, 2] = np.where(np.arange(200) % 2, 5.0, -5.0)
    neighbours = (np.arange(200)[:, np.newaxis] + 2 * np.arange(1, 4)) % 200
    found = atlas.learn_atlas(points, neighbours, 2, 2, rounds=3, seed=0)
    assert len(found.centres) == 2
    assert found.squared_distances(points).min(axis=1).max() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(sorted(found.centres[:, 2]), [-5, 5])


def test_charts_of_few_points_are_given_up():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(90, 3)), rng.normal(50, 1, size=(5, 3))])
    neighbours = (np.arange(95)[:, np.newaxis] + [1, 2]) % 95
    found = atlas.learn_atlas(points, neighbours, 2, 2, rounds=2, seed=0)
    assert len(found.centres) == 1


def test_bases_are_orthonormal():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 6))
    neighbours = rng.integers(0, 300, (300, 4))
    found = atlas.learn_atlas(points, neighbours, 5, 3, rounds=2, seed=0)
    for basis in found.bases:
        np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-10)
