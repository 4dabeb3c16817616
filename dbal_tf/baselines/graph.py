"""Similarity graphs of images.

A graph is represented by its weight matrix, a dense array or a sparse SciPy array,
`[n, n]`, float64. Weights are in [0, 1] and symmetric up to rounding. The diagonal is
zero, because a node's similarity to itself does not affect the harmonic solution.
"""

import math
import os
import pathlib
import re
from typing import TypeAlias

import numpy as np
import scipy.sparse
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import kneighbors_graph

from dbal_tf.core import InputError

Graph: TypeAlias = np.ndarray | scipy.sparse.csr_array

_ROWS_FOR_MEDIAN = 1000  # rows of the distance matrix from which the median is computed
# Squared distances below this share of the largest squared norm are rounding errors.
_ROUNDING = 1e-10
# Smaller weights count as no edge, because the square of their inverse would overflow.
_NO_EDGE = 1e-150


def pixels(images_nhwk: np.ndarray) -> np.ndarray:
    """Returns images of values 0 to 255 as vectors in [0, 1], float64 `[n, h * w * k]`."""
    return images_nhwk.reshape(len(images_nhwk), -1) / 255.0


def rbf_graph(features_nd: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Returns the complete graph with weights exp(-|x_i - x_j|^2 / (2 scale^2)).

    The harmonic solution on this graph depends strongly on the scale. For two digits
    of MNIST the median distance is about 10, but with a scale of 2 or more, all points
    are assigned to one class. Tune the scale, or use `knn_graph`.

    Args:
        features_nd: Points, shape `[n, d]`.
        scale: Width of the kernel, in units of the features; None: the median
            distance between two points.

    Returns:
        Weights, dense, float64 `[n, n]`.

    Raises:
        InputError: The scale is not positive, all points are equal, or the
            weights do not fit into memory.
    """
    check_memory(len(features_nd), matrices=1)
    squared_nn = euclidean_distances(features_nd, squared=True)
    squared_nn[squared_nn <= _rounding(features_nd)] = 0
    if scale is None:
        # A subset of rows is enough; the median of all pairs would sort n^2 numbers.
        some = squared_nn[:: math.ceil(len(squared_nn) / _ROWS_FOR_MEDIAN)]
        scale = median_scale(np.sqrt(some))
    weights_nn = _kernel(squared_nn, scale)
    np.fill_diagonal(weights_nn, 0)
    return weights_nn


def knn_graph(
    features_nd: np.ndarray, num_neighbors: int = 10, scale: float | None = None
) -> scipy.sparse.csr_array:
    """Returns the graph of nearest neighbours, with the weights of `rbf_graph`.

    Two points are connected if either is among the nearest neighbours of the other.

    Args:
        features_nd: Points, shape `[n, d]`.
        num_neighbors: Number of nearest neighbours per point, 1 to n - 1. Zhu,
            Lafferty and Ghahramani use 10.
        scale: Width of the kernel, in units of the features; None: the median
            length of the graph's edges.

    Returns:
        Weights, sparse, float64 `[n, n]`.

    Raises:
        InputError: `num_neighbors` or the scale is out of range, or all edges
            connect equal points, so that there is no positive median length.
    """
    if not 1 <= num_neighbors < len(features_nd):
        raise InputError(
            f"{num_neighbors} neighbours were asked for among {len(features_nd)} images; "
            f"expected 1 to {len(features_nd) - 1}; ask for fewer or give more images."
        )
    edges = kneighbors_graph(features_nd, num_neighbors, mode="distance")
    squared = np.square(edges.data)
    squared[squared <= _rounding(features_nd)] = 0
    # Only edges have weights, so the median is taken over their lengths.
    edges.data = _kernel(squared, median_scale(np.sqrt(squared)) if scale is None else scale)
    return scipy.sparse.csr_array(edges.maximum(edges.T))


def similarity_graph(features_nd: np.ndarray, num_neighbors: int, scale: float) -> Graph:
    """Returns the graph of `knn_graph`, or of `rbf_graph` for 0 neighbours.

    Args:
        features_nd: Points, shape `[n, d]`.
        num_neighbors: Number of nearest neighbours; 0: all points are connected.
        scale: Width of the kernel; 0: the median distance.

    Raises:
        InputError: As for these functions.
    """
    width = scale or None
    if not num_neighbors:
        return rbf_graph(features_nd, width)
    return knn_graph(features_nd, num_neighbors, width)


def degrees(weights_nn: Graph) -> np.ndarray:
    """Returns the degree of each node (the sum of its weights), float64 `[n]`."""
    return np.asarray(weights_nn.sum(axis=1), np.float64).ravel()


def median_scale(distances: np.ndarray) -> float:
    """Returns the median of the distances that are not zero.

    Zeros are left out, because with many copies of an image the median would also be
    zero.

    Raises:
        InputError: All distances are zero.

    >>> median_scale(np.array([0.0, 0.0, 0.0, 1.0, 2.0, 5.0]))
    2.0
    """
    positive = distances[distances > 0]
    if not positive.size:
        raise InputError(
            f"All {distances.size} distances are zero, so that no kernel width suits them; "
            "expected images that differ; give others, more neighbours or a scale."
        )
    return float(np.median(positive))


def check_memory(n: int, matrices: int, available: int | None = None) -> None:
    """Checks that arrays `[n, n]` of float64 fit into memory.

    Args:
        n: Number of images in the graph.
        matrices: Number of arrays in memory at the same time.
        available: Available bytes; None: the machine's free memory.

    Raises:
        InputError: The arrays do not fit; the message gives the largest n that fits.
    """
    available = _available_bytes() if available is None else available
    if (needed := 8 * matrices * n**2) > available:
        raise InputError(
            f"A graph of {n} images takes {needed / 2**30:.1f} GiB of memory, of which "
            f"{available / 2**30:.1f} are free; expected at most "
            f"{math.isqrt(available // (8 * matrices))} images; give a part of "
            "the pool, as --pool_size does."
        )


def _available_bytes() -> int:
    # MemAvailable counts the page cache as free. Without /proc/meminfo: all memory.
    meminfo = pathlib.Path("/proc/meminfo")
    if meminfo.exists() and (
        line := re.search(r"MemAvailable: *(\d+) kB", meminfo.read_text())
    ):
        return int(line[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _rounding(features_nd: np.ndarray) -> float:
    """Returns the squared distance below which two points count as equal."""
    return _ROUNDING * float(np.einsum("nd,nd->n", features_nd, features_nd).max())


def _kernel(squared: np.ndarray, scale: float) -> np.ndarray:
    """Replaces squared distances by exp(-squared / (2 scale^2)), in place."""
    if not 0 < scale < np.inf:
        raise InputError(
            f"A kernel scale of {scale} cannot be used; expected a positive number, in the "
            "units of the features; leave it out to take the median distance."
        )
    # Divided twice, because the square of a tiny scale is 0 and would give 0 / 0.
    with np.errstate(over="ignore", under="ignore"):
        squared /= -2 * scale
        squared /= scale
        np.exp(squared, out=squared)
    squared[squared < _NO_EDGE] = 0
    return squared
