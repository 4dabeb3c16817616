"""Active learning on a similarity graph by the expected risk (MBR).

    graph = knn_graph(pixels(images))
    mbr = MinimumBayesRisk(graph, rows, classes, num_classes=2)
    query = mbr.query(10, seed=0)           # ten nodes to ask for
    mbr.label(query[0], 1)                  # and so on
    mbr.probs_nc                            # the classes of all nodes

A node is asked for if the risk of the harmonic solution, sum_i (1 - max_c f_ic),
would be smallest once its label were known; the label is expected to be what
the solution says. For two classes this is the method of Zhu, Lafferty and
Ghahramani, "Combining Active Learning and Semi-Supervised Learning Using
Gaussian Fields and Harmonic Functions", ICML 2003 workshop.
"""

import copy
from collections.abc import Callable

import numpy as np
import scipy.linalg

from dbal_tf.baselines import harmonic
from dbal_tf.baselines.graph import Graph, check_memory, degrees
from dbal_tf.core import InputError

# Values of a block of candidates: three such arrays fit into a core's cache.
_BLOCK_VALUES = 2**16
# Expected risks that differ by less are a tie, because they are rounded.
_TIE = 1e-9
# A walk that visits a node so often before it meets a label hardly ever meets
# one: the update would subtract numbers that are equal but for rounding.
_WEAK = 1e4


def risk(probs_nc: np.ndarray) -> float:
    """Returns sum_i (1 - max_c f_ic), the expected number of wrong nodes.

    >>> risk(np.array([[1.0, 0.0], [0.75, 0.25]]))
    0.25
    """
    return float((1 - probs_nc.max(axis=1)).sum())


def updated(probs_nc: np.ndarray, column_n: np.ndarray, row: int, label: int) -> np.ndarray:
    """Returns the harmonic solution once one more node has a label.

    f+ = f + (y - f_k) G_k / G_kk, y one-hot.

    Args:
        probs_nc: The solution f before.
        column_n: Column k of the inverse G of Delta_UU.
        row: The node k.
        label: Its class.
    """
    share_n = column_n / column_n[row]
    change_c = -probs_nc[row]
    change_c[label] += 1
    return harmonic.normalised(probs_nc + np.outer(share_n, change_c))


def expected_risks(
    probs_nc: np.ndarray, inverse_nn: np.ndarray, candidates_m: np.ndarray
) -> np.ndarray:
    """Returns the risk that is expected after each candidate's label.

    sum_y f_ky R(f with k labelled y), for every candidate k. Of the classes
    of a node only y gains, so that the maximum over the others serves for all
    y: O(m n c) operations instead of O(m n c^2), and O(n) memory.

    Args:
        probs_nc: The harmonic solution f.
        inverse_nn: G, the inverse of Delta_UU, symmetric; the rows of
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
    """The harmonic solution of a graph, and whose label it asks for next.

    Holds the inverse of the unlabelled part, 8 n^2 bytes, which is computed
    once, O(n^3); a label changes it in O(n^2), a query costs O(n^2 c).

    Attributes:
        probs_nc: The classes of all nodes, float64 `[n, c]`.
        is_labelled_n: Which nodes have a label, bool `[n]`.
    """

    def __init__(
        self, weights_nn: Graph, rows_l: np.ndarray, classes_l: np.ndarray, num_classes: int
    ) -> None:
        """Solves for the first labels.

        Args:
            weights_nn: A graph of `graph.py`, dense or sparse, `[n, n]`.
            rows_l: The labelled nodes, int `[l]`.
            classes_l: Their classes, int `[l]`, two at least.
            num_classes: c.

        Raises:
            InputError: A label is out of range or given twice, all labels are
                of one class, or the inverse does not fit into memory.
        """
        # The second matrix is the copy on which a query tries its labels.
        check_memory(weights_nn.shape[0], matrices=2)
        self._weights_nn = weights_nn
        self._degrees_n = degrees(weights_nn)
        self._solve(np.asarray(rows_l), np.asarray(classes_l), num_classes)

    def _solve(self, rows_l: np.ndarray, classes_l: np.ndarray, num_classes: int) -> None:
        system_nn, target_nc = harmonic.linear_system(
            self._weights_nn, rows_l, classes_l, num_classes
        )
        self._inverse_nn = harmonic.inverse(system_nn)
        self.probs_nc = harmonic.normalised(self._inverse_nn @ target_nc)
        self.is_labelled_n = np.isin(np.arange(len(target_nc)), rows_l)
        self._forget(rows_l)

    def _forget(self, rows: np.ndarray | int) -> None:
        self._inverse_nn[rows] = 0
        self._inverse_nn[:, rows] = 0

    def label(self, row: int, label: int) -> None:
        """Adds the label of a node, by a rank-one update: no system is solved.

        But for a node that hardly any walk leads from to a label: there the
        update would be rounding, and all is solved anew.

        Raises:
            InputError: The node has a label, or node or label is out of range.
        """
        rows_l = np.append(np.flatnonzero(self.is_labelled_n), row)
        classes_l = np.append(self.probs_nc[rows_l[:-1]].argmax(axis=1), label)
        num_classes = self.probs_nc.shape[1]
        harmonic.check_labels(rows_l, classes_l, len(self.probs_nc), num_classes)
        column_n = self._inverse_nn[:, row].copy()
        if column_n[row] * self._degrees_n[row] > _WEAK:
            del self._inverse_nn  # so that the memory of two is enough
            return self._solve(rows_l, classes_l, num_classes)
        self.probs_nc = updated(self.probs_nc, column_n, row, label)
        self.is_labelled_n[row] = True
        self._inverse_nn = scipy.linalg.blas.dger(
            -1 / column_n[row], column_n, column_n, a=self._inverse_nn, overwrite_a=True
        )
        self._forget(row)

    def expected_risks(self, candidates_m: np.ndarray) -> np.ndarray:
        """Returns the risk expected after each candidate's label, float64 `[m]`."""
        return expected_risks(self.probs_nc, self._inverse_nn, candidates_m)

    def query(
        self,
        k: int,
        seed: int,
        candidates_m: np.ndarray | None = None,
        reveal: Callable[[int], int] | None = None,
    ) -> np.ndarray:
        """Returns k nodes to ask for, one after the other, each with the least risk.

        Args:
            k: How many, 0 to m.
            seed: Seed of the order among nodes with the same expected risk.
            candidates_m: The unlabelled nodes that may be asked for, int
                `[m]`; None: all. The risk is that of all nodes in any case.
            reveal: Gives a node's class; the labels stay. None: within the
                batch each node gets the class that the solution predicts, and
                nothing stays.

        Returns:
            Nodes, int64 `[k]`, in the order in which they were chosen.

        Raises:
            ValueError: k is outside 0 to m.
            InputError: A candidate has a label already or is given twice, or a
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
            best = position + np.argmax(risks_m <= risks_m.min() + _TIE)
            order[[position, best]] = order[[best, position]]
            row = int(order[position])
            state.label(row, reveal(row) if reveal else int(state.probs_nc[row].argmax()))
        return order[:k]

    def _copy(self) -> "MinimumBayesRisk":
        other = copy.copy(self)
        other._inverse_nn = self._inverse_nn.copy(order="F")
        other.is_labelled_n = self.is_labelled_n.copy()
        return other
