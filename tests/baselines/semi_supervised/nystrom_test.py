"""Nystrom features: exact on the landmarks, never longer than the kernel's features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dbal_tf.baselines.semi_supervised import nystrom

POINTS = hnp.arrays(
    np.float64, st.tuples(st.integers(2, 12), st.just(3)), elements=st.floats(0, 1, width=32)
)


def kernel(x, y, gamma):
    return np.exp(-gamma * np.square(x[:, np.newaxis] - y).sum(axis=-1))


def test_gram_matrix_is_the_kernel_on_landmarks():
    rows = np.random.default_rng(0).random((40, 5))
    phi = nystrom.NystromFeatures.of(rows, 1.5)(rows)
    np.testing.assert_allclose(phi @ phi.T, kernel(rows, rows, 1.5), atol=1e-6)


def test_gram_matrix_of_single_precision():
    rows = np.random.default_rng(0).random((200, 20)).astype(np.float32)
    phi = nystrom.NystromFeatures.of(rows, 1.0)(rows)
    assert phi.dtype == np.float32
    np.testing.assert_allclose(phi @ phi.T, kernel(rows, rows, 1.0), atol=2e-3)


@given(POINTS, POINTS)
@settings(max_examples=30, deadline=None)
def test_features_of_others_are_a_projection(rows, others):
    """k - phi phi' is a Schur complement, so it has no negative eigenvalue."""
    phi = nystrom.NystromFeatures.of(rows, 2.0)(others)
    left_over = kernel(others, others, 2.0) - phi @ phi.T
    assert np.linalg.eigvalsh(left_over).min() > -1e-5


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    features, points = nystrom.NystromFeatures.of(rng.random((9, 4)), 1.0), rng.random((25, 4))
    whole = features(points)
    monkeypatch.setattr(nystrom, "_BLOCK", 7)
    np.testing.assert_allclose(features(points), whole, atol=1e-10)


def test_copies_of_a_landmark_give_no_feature():
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    phi = nystrom.NystromFeatures.of(rows, 1.0)(rows)
    assert phi.shape == (3, 2)
    np.testing.assert_allclose(phi @ phi.T, kernel(rows, rows, 1.0), atol=1e-9)


def test_landmarks_are_centres_of_clusters():
    rng = np.random.default_rng(0)
    corners = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    points = np.repeat(corners, 50, axis=0) + rng.normal(scale=0.01, size=(150, 2))
    found = nystrom.landmarks(points, 3, seed=0)
    np.testing.assert_allclose(sorted(found.round(1).tolist()), sorted(corners.tolist()))
    np.testing.assert_array_equal(found, nystrom.landmarks(points, 3, seed=0))


def test_fewer_points_than_landmarks_are_all_landmarks():
    points = np.eye(3)
    np.testing.assert_array_equal(nystrom.landmarks(points, 10, seed=0), points)


def test_typical_distance():
    corners = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert nystrom.typical_squared_distance(corners) == pytest.approx(16)
    assert nystrom.typical_squared_distance(np.ones((4, 2))) == 1
