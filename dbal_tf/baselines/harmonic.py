"""Gaussian fields and harmonic functions on a similarity graph.

A labelled node keeps its label. The value of any other node is the weighted mean of
its neighbours, f = D^-1 W f. f_ic is the probability that the first labelled node
on a random walk from node i has class c.

Zhu, Ghahramani and Lafferty, "Semi-Supervised Learning Using Gaussian Fields
and Harmonic Functions", ICML 2003.
"""

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from dbal_tf.baselines.graph import Graph, degrees
from dbal_tf.core import InputError

# With this probability, a step ends the walk, with equal probabilities for all classes. So
# nodes of a component without a label have 1 / c, and the system is never singular.
_LOST = 1e-12
_FILL_BLOCK = 512  # rows that are mirrored at once, so that a block fits into the cache


def harmonic(
    weights_nn: Graph, rows_l: np.ndarray, classes_l: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns the harmonic solution f, the class probabilities of all nodes.

    Nodes that are not connected to any labelled node have 1 / c for each class.

    Args:
        weights_nn: Symmetric weights with a zero diagonal, dense or sparse.
        rows_l: The labelled nodes, int `[l]`.
        classes_l: Their classes, 0 to `num_classes` - 1, int `[l]`.
        num_classes: Number of classes c, at least 2.

    Returns:
        `probs_nc`, float64 `[n, c]`. Rows sum to 1; those of labelled nodes are
        one-hot.

    Raises:
        InputError: A label is out of range or given twice, or all labels are
            of one class.

    >>> chain = np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1)
    >>> harmonic(chain, np.array([0, 3]), np.array([0, 1]), 2)[:, 1].round(6)
    array([0.      , 0.333333, 0.666667, 1.      ])
    """
    system_nn, target_nc = linear_system(weights_nn, rows_l, classes_l, num_classes)
    if not isinstance(system_nn, np.ndarray):
        # The matrix is diagonally dominant and needs no pivoting, so the order of
        # elimination can be chosen to keep the factors sparse.
        factors = scipy.sparse.linalg.splu(
            system_nn.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        return normalised(factors.solve(target_nc))
    factors = scipy.linalg.cho_factor(system_nn, lower=True, overwrite_a=True)
    return normalised(scipy.linalg.cho_solve(factors, target_nc))


def linear_system(
    weights_nn: Graph, rows_l: np.ndarray, classes_l: np.ndarray, num_classes: int
) -> tuple[Graph, np.ndarray]:
    """Returns A `[n, n]` and b `[n, c]` of the linear system A f = b.

    For the unlabelled nodes U, A is Delta_UU = D_UU - W_UU and b is W_UL f_L; for the
    labelled nodes L, A is the identity and b is f_L. A is dense or sparse, as the
    weights are.

    Raises:
        InputError: As for `harmonic`.
    """
    n = weights_nn.shape[0]
    check_labels(np.asarray(rows_l), np.asarray(classes_l), n, num_classes)
    is_free_n = np.ones(n, bool)
    is_free_n[rows_l] = False
    degrees_n = degrees(weights_nn)
    # From a node without neighbours, the walk ends at once, so that its row is not 0.
    lost_n = np.where(degrees_n > 0, _LOST * degrees_n, 1)
    onehot_lc = np.eye(num_classes)[classes_l]
    target_nc = weights_nn[:, rows_l] @ onehot_lc + lost_n[:, np.newaxis] / num_classes
    target_nc[rows_l] = onehot_lc
    diagonal_n = np.where(is_free_n, degrees_n + lost_n, 1)
    if scipy.sparse.issparse(weights_nn):
        free_nn = scipy.sparse.diags_array(is_free_n.astype(np.float64))
        return scipy.sparse.diags_array(diagonal_n) - free_nn @ weights_nn @ free_nn, target_nc
    system_nn = np.negative(weights_nn, dtype=np.float64)
    system_nn[rows_l] = 0
    system_nn[:, rows_l] = 0
    np.fill_diagonal(system_nn, diagonal_n)
    return system_nn, target_nc


def inverse(system_nn: Graph) -> np.ndarray:
    """Returns the inverse of a symmetric positive definite matrix, as a dense matrix.

    A dense matrix is overwritten by the result.
    """
    # Sparse systems also use dense Cholesky: their inverse is dense anyway, and a sparse
    # solve per column takes several times as long.
    dense = system_nn if isinstance(system_nn, np.ndarray) else system_nn.toarray()
    # LAPACK works in place only on column-major matrices. The transpose is column-major, and
    # equal to the matrix, because the matrix is symmetric.
    factor, failed = scipy.linalg.lapack.dpotrf(
        np.ascontiguousarray(dense).T, lower=True, clean=False, overwrite_a=True
    )
    if failed:
        raise ValueError(f"Pivot {failed} of {len(dense)} is not positive; weights are wrong.")
    half, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    # LAPACK fills only the lower triangle; mirror it to the upper one.
    for start in range(0, len(half), _FILL_BLOCK):
        stop = start + _FILL_BLOCK
        block = half[start:stop, start:stop]
        block[:] = np.tril(block) + np.tril(block, -1).T
        half[start:stop, stop:] = half[stop:, start:stop].T
    return half


def normalised(probs_nc: np.ndarray) -> np.ndarray:
    """Returns the rows divided by their sums, with negative rounding errors set to 0."""
    probs_nc = np.maximum(probs_nc, 0)
    return probs_nc / probs_nc.sum(axis=1, keepdims=True)


def class_mass_normalised(probs_nc: np.ndarray, prior_c: np.ndarray) -> np.ndarray:
    """Returns the probabilities after class mass normalization.

    It helps on graphs where one class dominates. Column c is multiplied by
    prior_c / sum_i f_ic, and then rows are normalized (Zhu et al., section 4).
    A class without any mass keeps the probability 0.

    Args:
        probs_nc: The harmonic solution of the unlabelled nodes, `[n, c]`.
        prior_c: Expected shares of the classes, positive, `[c]`.

    >>> class_mass_normalised(np.array([[0.2, 0.8], [0.4, 0.6]]), np.ones(2)).round(3)
    array([[0.368, 0.632],
           [0.609, 0.391]])
    """
    mass_c = probs_nc.sum(axis=0)
    factors_c = np.divide(prior_c, mass_c, out=np.zeros_like(mass_c), where=mass_c > 0)
    return normalised(probs_nc * factors_c)


def check_labels(rows_l: np.ndarray, classes_l: np.ndarray, n: int, num_classes: int) -> None:
    """Checks that labels are valid for `harmonic`.

    Raises:
        InputError: As for `harmonic`.
    """
    problem = None
    if rows_l.shape != classes_l.shape or not rows_l.size:
        problem = (
            f"{rows_l.size} nodes have {classes_l.size} labels; give one per node, at least two"
        )
    elif (bad := rows_l[(rows_l < 0) | (rows_l >= n)]).size:
        problem = f"Node {bad[0]} is labelled; expected 0 to {n - 1}; label nodes of the graph"
    elif len(np.unique(rows_l)) < rows_l.size:
        problem = (
            f"{rows_l.size} labels are for {len(np.unique(rows_l))} nodes; label each once"
        )
    elif (bad := classes_l[(classes_l < 0) | (classes_l >= num_classes)]).size:
        problem = (
            f"A label is of class {bad[0]}; expected 0 to {num_classes - 1}; number the "
            "classes from 0"
        )
    elif len(np.unique(classes_l)) < 2:
        problem = (
            f"All {rows_l.size} labels are of class {classes_l[0]}, so all nodes would be; "
            "expected at least two classes; label a node of another class"
        )
    if problem:
        raise InputError(f"{problem}.")
