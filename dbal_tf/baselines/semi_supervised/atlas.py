"""An atlas of charts: overlapping affine spaces close to a set of points.

A reconstruction of Pitelis, Russell and Agapito, "Learning a Manifold as an Atlas", CVPR
2013. They assign points to charts by graph cuts, which minimise an energy with a cost per
chart. Here, each point is assigned to its nearest chart and to the charts of its
neighbours, and charts with too few points are dropped.
"""

import dataclasses

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics.pairwise import euclidean_distances

_SPARE = 10  # a chart needs at least this many more points than dimensions


@dataclasses.dataclass(frozen=True, eq=False)
class Atlas:
    """Affine subspaces (charts), all of dimension d, in a space of dimension k.

    Attributes:
        centres: A point of each chart, shape `[charts, k]`.
        bases: Orthonormal directions of each chart, shape `[charts, d, k]`.
    """

    centres: np.ndarray
    bases: np.ndarray

    def coordinates(self, points_nk: np.ndarray, chart: int) -> np.ndarray:
        """Returns the points' coordinates in a chart, `[n, d]`."""
        return (points_nk - self.centres[chart]) @ self.bases[chart].T

    def squared_distances(self, points_nk: np.ndarray) -> np.ndarray:
        """Returns the squared distance of each point to each chart, `[n, charts]`."""
        distances = np.empty((len(points_nk), len(self.centres)), points_nk.dtype)
        for chart, centre in enumerate(self.centres):
            offsets = points_nk - centre
            inside = offsets @ self.bases[chart].T
            distances[:, chart] = np.einsum("nk,nk->n", offsets, offsets)
            distances[:, chart] -= np.einsum("nd,nd->n", inside, inside)
        # Rounding may give points in the chart a negative distance.
        return np.maximum(distances, 0)


def learn_atlas(
    points_nk: np.ndarray,
    neighbours_nj: np.ndarray,
    num_charts: int,
    dimension: int,
    rounds: int,
    seed: int,
) -> Atlas:
    """Returns an atlas fitted to points.

    Charts start as the principal components of k-means clusters. In each round, a point
    is assigned to the nearest chart and to the charts of its neighbours, so that charts
    overlap. Then each chart is fitted to its points again.

    Args:
        points_nk: Points, shape `[n, k]`.
        neighbours_nj: Rows of each point's nearest neighbours, int `[n, j]`.
        num_charts: Maximum initial number of charts; some may be dropped.
        dimension: Dimension d of a chart, less than k.
        rounds: Number of rounds.
        seed: Seed of k-means.
    """
    # On average, twice the points that a chart needs; otherwise most charts would be dropped.
    count = min(num_charts, max(1, len(points_nk) // (2 * (dimension + _SPARE))))
    means = MiniBatchKMeans(count, batch_size=4096, n_init=1, max_iter=10, random_state=seed)
    nearest_n = means.fit(points_nk).predict(points_nk)
    atlas = _fit(points_nk, nearest_n, neighbours_nj, dimension)
    for _ in range(rounds):
        nearest_n = atlas.squared_distances(points_nk).argmin(axis=1)
        atlas = _fit(points_nk, nearest_n, neighbours_nj, dimension)
    return atlas


def _fit(
    points_nk: np.ndarray, nearest_n: np.ndarray, neighbours_nj: np.ndarray, dimension: int
) -> Atlas:
    """Returns charts, each fitted to its nearest points and to points with such a neighbour."""
    centres, bases = [], []
    own = np.bincount(nearest_n)
    # The largest chart is always kept.
    for chart in np.flatnonzero((own >= dimension + _SPARE) | (own == own.max())):
        is_own_n = nearest_n == chart
        members = points_nk[is_own_n | is_own_n[neighbours_nj].any(axis=1)]
        centre = members.mean(axis=0)
        covariance = np.cov(members.T.astype(np.float64), ddof=0)
        bases.append(np.linalg.eigh(covariance)[1][:, : -dimension - 1 : -1].T)
        centres.append(centre)
    return Atlas(np.stack(centres), np.stack(bases).astype(points_nk.dtype))


def chart_weights(squared_nc: np.ndarray, width: float) -> np.ndarray:
    """Returns the weight of each chart for each point, from squared distances `[n, c]`.

    Weights are exp(-distance^2 / (2 width^2)), scaled to a sum of squares of 1 per point,
    so that the kernel of a point with itself is 1. Weights below 1/1000 of a point's
    largest weight are set to 0, which saves most of the work.

    >>> chart_weights(np.array([[0.0, 0.0], [0.0, 100.0]]), 1.0).round(3)
    array([[0.707, 0.707],
           [1.   , 0.   ]])
    """
    # Relative to the nearest chart, because far from all charts every weight would underflow.
    least_n1 = squared_nc.min(axis=1, keepdims=True)
    weights_nc = np.exp((least_n1 - squared_nc) / (2 * width**2))
    weights_nc[weights_nc < 1e-3] = 0
    return weights_nc / np.linalg.norm(weights_nc, axis=1, keepdims=True)


def atlas_kernel(
    atlas: Atlas,
    points: tuple[np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
    width: float,
) -> np.ndarray:
    """Returns K(x, y) = sum_c w_c(x) w_c(y) exp(-|P_c x - P_c y|^2 / (2 width^2)).

    P_c x are the coordinates of x in chart c. K is a sum of products of positive
    semi-definite kernels, so it is positive semi-definite.

    Args:
        atlas: The charts.
        points: x and y, shapes `[n, k]` and `[m, k]`.
        weights: `chart_weights` of x and y, shapes `[n, charts]` and `[m, charts]`.
        width: Width of the Gaussian, in the points' units.

    Returns:
        The kernel, float64 `[n, m]`.
    """
    kernel = np.zeros((len(points[0]), len(points[1])))
    for chart in range(len(atlas.centres)):
        x, y = (np.flatnonzero(side[:, chart]) for side in weights)
        # scikit-learn raises an error for empty sets.
        if not len(x) or not len(y):
            continue
        inside = [
            atlas.coordinates(side[rows], chart)
            for side, rows in zip(points, (x, y), strict=True)
        ]
        part = np.exp(euclidean_distances(*inside, squared=True) / (-2 * width**2))
        part *= weights[0][x, chart, np.newaxis] * weights[1][y, chart]
        kernel[np.ix_(x, y)] += part
    return kernel
