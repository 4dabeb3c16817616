"""Active learning on a similarity graph by minimum expected risk (MBR).

    graph = knn_graph(pixels(images))
    mbr = MinimumBayesRisk(graph, rows, classes, num_classes=2)
    query = mbr.query(10, seed=0)           # ten nodes to label
    mbr.label(query[0], 1)                  # for each node of the query
    mbr.probs_nc                            # class probabilities of all nodes

The next node to label is the one that minimizes the expected risk after its label is
known. The risk of a harmonic solution f is sum_i (1 - max_c f_ic). The expectation is
over the node's label, with probabilities f. For two classes, this is the method of Zhu,
Lafferty and Ghahramani, "Combining Active Learning and Semi-Supervised Learning Using
Gaussian Fields and Harmonic Functions", ICML 2003 workshop.
"""

import copy
from collections.abc import Callable

import numpy as np
import scipy.linalg

from dbal_tf.baselines.graph import Graph, check_memory, degrees
from dbal_tf.baselines.harmonic import check_labels, inverse, linear_system, normalised
from dbal_tf.core import InputError

# Values per array in a block of candidates: three such arrays fit into a core's cache.
_BLOCK_VALUES = 2**16
# Expected risks that differ by less count as ties: the difference may be rounding.
_TIE = 1e-9
# If a random walk returns to its node this often before it meets a label, it hardly ever
# meets one. The update would then subtract numbers that differ only by rounding.
_WEAK = 1e4


def risk(probs_nc: np.ndarray) -> float:
    """Returns the risk sum_i (1 - max_c f_ic), the expected number of errors.

    >>> risk(np.array([[1.0, 0.0], [0.75, 0.25]]))
    0.25
    """
    return float((1 - probs_nc.max(axis=1)).sum())


def updated(probs_nc: np.ndarray, column_n: np.ndarray, row: int, label: int) -> np.ndarray:
    """Returns the harmonic solution after one more node is labelled.

    f+ = f + (y - f_k) G_k / G_kk, where y is the one-hot label of node k.

    Args:
        probs_nc: The previous solution f.
        column_n: Column k of G, the inverse of Delta_UU.
        row: The node k.
        label: Its class.
    """
    share_n = column_n / column_n[row]
    change_c = -probs_nc[row]
    change_c[label] += 1
    return normalised(probs_nc + np.outer(share_n, change_c))


def expected_risks(
    probs_nc: np.ndarray, inverse_nn: np.ndarray, candidates_m: np.ndarray
) -> np.ndarray:
    """Returns the expected risk after each candidate's label is known.

    For candidate k it is sum_y f_ky R(f with k labelled y). This takes O(m n c)
    operations and O(n) memory.

    Args:
        probs_nc: The harmonic solution f.
        inverse_nn: G, the inverse of Delta_UU, symmetric; rows and columns of
            labelled nodes are 0.
        candidates_m: Unlabelled nodes, int `[m]`.

    Returns:
        Expected risks, float64 `[m]`, none above `risk(probs_nc)`.
    """
    rows_per_block = max(1, _BLOCK_VALUES // len(probs_nc))
    probs_cn = np.ascontiguousarray(probs_nc.T)
    blocks = np.split(candidates_m, range(rows_per_block, len(candidates_m), rows_per_block))
    return np.concatenate([_expected_risks(probs_cn, inverse_nn, block) for block in blocks])


def _expected_risks(
    probs_cn: np.ndarray, inverse_nn: np.ndarray, candidates_m: np.ndarray
) -> np.ndarray:
    share_mn = inverse_nn.T[candidates_m]
    share_mn /= inverse_nn[candidates_m, candidates_m][:, np.newaxis]
    probs_cm1 = probs_cn[:, candidates_m, np.newaxis]
    # A label y of node k raises the probability of y at every node and lowers those of the
    # other classes. The largest lowered probability is computed once and used for all y,
    # which takes O(m n c) instead of O(m n c^2).
    best_mn, class_mn = np.zeros_like(share_mn), np.empty_like(share_mn)
    for probs_n, probs_m1 in zip(probs_cn, probs_cm1, strict=True):
        np.multiply(share_mn, -probs_m1, out=class_mn)
        class_mn += probs_n
        np.maximum(best_mn, class_mn, out=best_mn)
    risks_m = np.zeros(len(candidates_m))
    for probs_n, probs_m1 in zip(probs_cn, probs_cm1, strict=True):
        np.multiply(share_mn, 1 - probs_m1, out=class_mn)
        class_mn += probs_n
        np.maximum(best_mn, class_mn, out=class_mn)
        risks_m += probs_m1[:, 0] * (len(probs_n) - class_mn.sum(axis=1))
    return risks_m


class MinimumBayesRisk:
    """The harmonic solution of a graph, with queries by minimum expected risk.

    It stores the inverse of Delta_UU, which takes 8 n^2 bytes. Computing the inverse takes
    O(n^3) operations, once; updating it for a label O(n^2); each node of a query O(n^2 c).

    Attributes:
        probs_nc: Class probabilities of all nodes, float64 `[n, c]`.
        is_labelled_n: Whether a node is labelled, bool `[n]`.
    """

    def __init__(
        self, weights_nn: Graph, rows_l: np.ndarray, classes_l: np.ndarray, num_classes: int
    ) -> None:
        """Solves for the initial labels.

        Args:
            weights_nn: A graph as in `graph.py`, dense or sparse, `[n, n]`.
            rows_l: The labelled nodes, int `[l]`.
            classes_l: Their classes, at least two different ones, int `[l]`.
            num_classes: Number of classes c.

        Raises:
            InputError: A label is out of range or given twice, all labels are
                of one class, or the inverse does not fit into memory.
        """
        # A query adds assumed labels to a copy of the matrix.
        check_memory(weights_nn.shape[0], matrices=2)
        self._weights_nn = weights_nn
        self._degrees_n = degrees(weights_nn)
        self._solve(np.asarray(rows_l), np.asarray(classes_l), num_classes)

    def _solve(self, rows_l: np.ndarray, classes_l: np.ndarray, num_classes: int) -> None:
        system_nn, target_nc = linear_system(self._weights_nn, rows_l, classes_l, num_classes)
        self._inverse_nn = inverse(system_nn)
        self.probs_nc = normalised(self._inverse_nn @ target_nc)
        self.is_labelled_n = np.isin(np.arange(len(target_nc)), rows_l)
        self._forget(rows_l)

    def _forget(self, rows: np.ndarray | int) -> None:
        self._inverse_nn[rows] = 0
        self._inverse_nn[:, rows] = 0

    def label(self, row: int, label: int) -> None:
        """Adds the label of a node, by a rank-one update of the inverse.

        If almost no random walk from the node meets a label, the update would be
        inaccurate, so the system is solved again.

        Raises:
            InputError: The node already has a label, or node or label is out of range.
        """
        rows_l = np.append(np.flatnonzero(self.is_labelled_n), row)
        classes_l = np.append(self.probs_nc[rows_l[:-1]].argmax(axis=1), label)
        num_classes = self.probs_nc.shape[1]
        check_labels(rows_l, classes_l, len(self.probs_nc), num_classes)
        column_n = self._inverse_nn[:, row].copy()
        if column_n[row] * self._degrees_n[row] > _WEAK:
            del self._inverse_nn  # keeps at most two matrices in memory
            return self._solve(rows_l, classes_l, num_classes)
        self.probs_nc = updated(self.probs_nc, column_n, row, label)
        self.is_labelled_n[row] = True
        self._inverse_nn = scipy.linalg.blas.dger(
            -1 / column_n[row], column_n, column_n, a=self._inverse_nn, overwrite_a=True
        )
        self._forget(row)

    def expected_risks(self, candidates_m: np.ndarray) -> np.ndarray:
        """Returns the expected risk after each candidate's label is known, float64 `[m]`."""
        return expected_risks(self.probs_nc, self._inverse_nn, candidates_m)

    def query(
        self,
        k: int,
        seed: int,
        candidates_m: np.ndarray | None = None,
        reveal: Callable[[int], int] | None = None,
    ) -> np.ndarray:
        """Returns k nodes to label, chosen one by one by minimum expected risk.

        Args:
            k: Number of nodes, 0 to m.
            seed: Seed for breaking ties.
            candidates_m: Unlabelled nodes to choose from, int `[m]`; None: all.
                The risk is summed over all nodes in any case.
            reveal: Returns a node's class, which is added as its label before the next
                node is chosen. None: each chosen node is assumed to have its predicted
                class for the rest of the query, and no label is added.

        Returns:
            Nodes, int64 `[k]`, in the order in which they were chosen.

        Raises:
            ValueError: k is not in 0 to m.
            InputError: A candidate is already labelled or given twice, or a
                revealed label is out of range.
        """
        free_u = np.flatnonzero(~self.is_labelled_n)
        order = np.random.default_rng(seed).permutation(
            free_u if candidates_m is None else candidates_m
        )
        if not 0 <= k <= len(order):
            raise ValueError(f"k={k} is outside 0 to {len(order)}, the number of candidates.")
        if bad := len(order) - len(np.intersect1d(order, free_u)):
            raise InputError(
                f"{bad} of {len(order)} candidates are labelled, not in the graph or given "
                "twice; expected unlabelled nodes; leave them out."
            )
        state = self if reveal else self._copy()
        for position in range(k):
            risks_m = state.expected_risks(order[position:])
            best = position + int(np.argmax(risks_m <= risks_m.min() + _TIE))
            order[[position, best]] = order[[best, position]]
            row = int(order[position])
            state.label(row, reveal(row) if reveal else int(state.probs_nc[row].argmax()))
        return order[:k]

    def _copy(self) -> "MinimumBayesRisk":
        # Copies only what a label changes, not the weights; keeps LAPACK's column-major order.
        other = copy.copy(self)
        other._inverse_nn = self._inverse_nn.copy(order="F")
        other.is_labelled_n = self.is_labelled_n.copy()
        return other
