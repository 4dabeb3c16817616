"""Nystrom features: their inner products approximate a Gaussian kernel."""

import dataclasses

import numpy as np
import scipy.linalg
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics.pairwise import euclidean_distances

_BLOCK = 4096  # rows whose distances to the landmarks are in memory at once
_RELATIVE_RANK = 1e-7  # eigenvalues below this share of the largest count as rounding errors


def landmarks(points_nd: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns the centres of mini-batch k-means, `[m, d]`, with m = min(count, n).

    Zhang, Tsang and Kwok, "Improved Nystrom Low-Rank Approximation and Error
    Analysis", ICML 2008, show that they are good landmarks.

    Args:
        points_nd: Points, such as rows of pixels.
        count: Number of centres.
        seed: Seed of the initial centres and the mini-batches.
    """
    if count >= len(points_nd):
        return points_nd
    # Few iterations: landmarks need not be the best centres, if they cover the images.
    means = MiniBatchKMeans(count, batch_size=4096, n_init=1, max_iter=5, random_state=seed)
    return means.fit(points_nd).cluster_centers_


def typical_squared_distance(points_nd: np.ndarray) -> float:
    """Returns the median squared distance between distinct points; 1 if all are equal."""
    # About 1000 points are enough for a median; taking every k-th point needs no seed.
    some = points_nd[:: max(1, len(points_nd) // 1000)]
    squared = euclidean_distances(some, squared=True)
    positive = squared[np.triu_indices(len(some), 1)]
    # Copies of an image carry no information about the width.
    positive = positive[positive > 0]
    return float(np.median(positive)) if positive.size else 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class NystromFeatures:
    """A map from points to features with phi(x) . phi(y) ~ exp(-gamma |x - y|^2).

    phi(x) = k(x, L) U D^(-1/2), where U D U' is the kernel matrix of the landmarks L.
    For two landmarks, the inner product equals the kernel.
    Williams and Seeger, "Using the Nystrom Method to Speed Up Kernel Machines",
    NIPS 2001.

    Attributes:
        landmarks: Landmarks L, shape `[m, d]`.
        gamma: Inverse squared width, in inverse squared units of the points.
        projection: U D^(-1/2), shape `[m, r]`, r at most m.
    """

    landmarks: np.ndarray
    gamma: float
    projection: np.ndarray

    @classmethod
    def of(cls, landmarks: np.ndarray, gamma: float) -> "NystromFeatures":
        """Builds the feature map from landmarks `[m, d]`, in their float type."""
        # In float64: the smallest eigenvalues would be rounding errors in float32.
        kernel = _kernel(landmarks.astype(np.float64), landmarks, gamma)
        values, vectors = scipy.linalg.eigh(kernel, overwrite_a=True)
        # Directions with smaller eigenvalues are rounding errors, to be divided by almost 0.
        kept = values > _RELATIVE_RANK * values[-1]
        projection = vectors[:, kept] / np.sqrt(values[kept])
        return cls(landmarks, gamma, projection.astype(landmarks.dtype))

    def __call__(self, points_nd: np.ndarray) -> np.ndarray:
        """Returns features `[n, r]`, in the float type of the landmarks."""
        # Filled block by block: the kernel of all points and landmarks would take as much
        # memory as the features.
        shape = (len(points_nd), self.projection.shape[1])
        features = np.empty(shape, self.landmarks.dtype)
        for start in range(0, len(points_nd), _BLOCK):
            block = points_nd[start : start + _BLOCK]
            kernel = _kernel(block, self.landmarks, self.gamma)
            np.matmul(kernel, self.projection, out=features[start : start + _BLOCK])
        return features


def _kernel(points_nd: np.ndarray, others_md: np.ndarray, gamma: float) -> np.ndarray:
    squared = euclidean_distances(points_nd, others_md, squared=True)
    squared *= -gamma
    return np.exp(squared, out=squared)
