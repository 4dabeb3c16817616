"""The harmonic solution: by hand, against plain solves and scikit-learn, and at its limits."""

import doctest
import sys

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.semi_supervised import LabelPropagation

from dbal_tf.baselines import graph, harmonic
from dbal_tf.baselines.harmonic import _FILL_BLOCK, class_mass_normalised, inverse
from dbal_tf.core import InputError

ENDS, CLASSES = np.array([0, 3]), np.array([0, 1])
KINDS = pytest.mark.parametrize(
    "kind", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"]
)


def chain(*weights: float) -> np.ndarray:
    """A chain of nodes with these weights between neighbours."""
    return np.diag(weights, 1) + np.diag(weights, -1)


def random_graph(n: int, seed: int, density: float = 1.0) -> np.ndarray:
    """Symmetric weights in [0, 1]; a chain keeps the graph connected."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return weights + weights.T + chain(*np.full(n - 1, 0.1))


def solve_plainly(
    weights: np.ndarray, rows: np.ndarray, classes: np.ndarray, num_classes: int
) -> np.ndarray:
    """f_U = (D_UU - W_UU)^-1 W_UL f_L, as it is written."""
    onehot = np.eye(num_classes)[classes]
    free = np.setdiff1d(np.arange(len(weights)), rows)
    delta = np.diag(weights.sum(axis=1)) - weights
    probs = np.empty((len(weights), num_classes))
    probs[rows] = onehot
    probs[free] = np.linalg.solve(
        delta[np.ix_(free, free)], weights[np.ix_(free, rows)] @ onehot
    )
    return probs


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """A graph, connected or not, with labels of two classes or more."""
    n, c = draw(st.integers(4, 12)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = np.triu(rng.random((n, n)) * (rng.random((n, n)) < draw(st.floats(0, 1))), 1)
    rows = rng.permutation(n)[: draw(st.integers(2, n))]
    classes = rng.integers(0, c, len(rows))
    classes[:2] = [0, 1]
    return weights + weights.T, rows, classes, c


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(sys.modules["dbal_tf.baselines.harmonic"]).failed == 0


@KINDS
def test_chain_of_four_by_hand(kind: type) -> None:
    probs = harmonic(kind(chain(1, 1, 1)), ENDS, CLASSES, 2)
    expected = [[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3], [0, 1]]
    np.testing.assert_allclose(probs, expected, rtol=0, atol=1e-12)


@KINDS
def test_weights_pull_by_hand(kind: type) -> None:
    # f_1 = f_2 / 3 and f_2 = (f_1 + 1) / 2.
    probs = harmonic(kind(chain(2, 1, 1)), ENDS, CLASSES, 2)
    np.testing.assert_allclose(probs[:, 1], [0, 1 / 5, 3 / 5, 1], rtol=0, atol=1e-12)


@KINDS
def test_three_classes_by_hand(kind: type) -> None:
    # Node 0 has a neighbour of each class, with weights 1, 2 and 5.
    star = np.zeros((4, 4))
    star[0, 1:] = star[1:, 0] = [1, 2, 5]
    probs = harmonic(kind(star), np.array([1, 2, 3]), np.array([0, 1, 2]), 3)
    np.testing.assert_allclose(probs[0], [1 / 8, 2 / 8, 5 / 8], rtol=0, atol=1e-12)


@KINDS
@pytest.mark.parametrize("seed", range(3))
def test_random_graphs_equal_the_plain_solve(kind: type, seed: int) -> None:
    weights = random_graph(60, seed, density=0.2)
    rows, classes = np.array([5, 17, 40, 3]), np.array([2, 0, 1, 0])
    np.testing.assert_allclose(
        harmonic(kind(weights), rows, classes, 3),
        solve_plainly(weights, rows, classes, 3),
        rtol=0,
        atol=1e-10,
    )


def test_label_propagation_of_scikit_learn_has_the_same_fixed_point() -> None:
    # Its kernel has loops, in which a walk waits but does not go astray.
    rng = np.random.default_rng(0)
    points = rng.normal(size=(80, 2)) + 2 * np.eye(2)[np.arange(80) % 2]
    given_classes = np.where(np.arange(80) < 10, np.arange(80) % 2, -1)
    theirs = LabelPropagation(gamma=0.5, max_iter=20_000, tol=1e-12).fit(points, given_classes)
    rows = np.arange(10)
    ours = harmonic(graph.rbf_graph(points, scale=1.0), rows, given_classes[:10], 2)
    np.testing.assert_allclose(ours, theirs.label_distributions_, rtol=0, atol=1e-8)


@given(problems())
def test_rows_are_distributions_and_harmonic(problem: tuple) -> None:
    weights, rows, classes, c = problem
    probs = harmonic(weights, rows, classes, c)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert probs.min() >= 0
    assert probs.max() <= 1
    np.testing.assert_array_equal(probs[rows], np.eye(c)[classes])
    free = np.setdiff1d(np.arange(len(weights)), rows)
    means = weights @ probs
    np.testing.assert_allclose(
        means[free], weights.sum(axis=1)[free, np.newaxis] * probs[free], atol=1e-8
    )


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_classes_is_nothing(problem: tuple, random: object) -> None:
    weights, rows, classes, c = problem
    rng = np.random.default_rng(random.getrandbits(32))
    nodes, names = rng.permutation(len(weights)), rng.permutation(c)
    position = np.argsort(nodes)
    moved = harmonic(weights[np.ix_(nodes, nodes)], position[rows], names[classes], c)
    probs = harmonic(weights, rows, classes, c)
    np.testing.assert_allclose(moved[:, names], probs[nodes], rtol=0, atol=1e-6)


@given(problems())
def test_dense_and_sparse_are_the_same(problem: tuple) -> None:
    weights, *labels = problem
    sparse = harmonic(scipy.sparse.csr_array(weights), *labels)
    np.testing.assert_allclose(sparse, harmonic(weights, *labels), atol=1e-6)


@KINDS
def test_what_no_label_reaches_is_of_every_class_alike(kind: type) -> None:
    # A chain of four, a pair apart from it, and a node alone.
    weights = np.zeros((7, 7))
    weights[:4, :4] = chain(1, 1, 1)
    weights[4, 5] = weights[5, 4] = 0.3
    probs = harmonic(kind(weights), ENDS, CLASSES, 3)
    np.testing.assert_allclose(probs[1], [2 / 3, 1 / 3, 0], rtol=0, atol=1e-11)
    np.testing.assert_allclose(probs[4:], 1 / 3, rtol=0, atol=1e-12)


@KINDS
def test_weak_edges_still_count(kind: type) -> None:
    # All that tells the pair 1, 2 its class is an edge of 1e-9.
    probs = harmonic(kind(chain(1e-9, 1, 1e-30)), ENDS, CLASSES, 2)
    np.testing.assert_allclose(probs[1:3, 0], 1, rtol=0, atol=0.01)


@pytest.mark.parametrize("n", [1, 7, _FILL_BLOCK + 3])
def test_inverse(n: int) -> None:
    root = np.random.default_rng(n).normal(size=(n, n + 5))
    matrix = root @ root.T + n * np.eye(n)
    for kind in (np.array, scipy.sparse.csr_array):
        found = inverse(kind(matrix))
        np.testing.assert_allclose(found @ matrix, np.eye(n), atol=1e-9)
        np.testing.assert_array_equal(found, found.T)


def test_inverse_of_what_is_not_positive_definite() -> None:
    with pytest.raises(ValueError, match="Pivot 2 of 2 is not positive"):
        inverse(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_the_weights_are_left_as_they_were() -> None:
    weights = chain(1, 1, 1)
    harmonic(weights, ENDS, CLASSES, 2)
    np.testing.assert_array_equal(weights, chain(1, 1, 1))


def test_class_mass_by_hand() -> None:
    # Column masses 3/4 and 9/4; a prior of halves makes class 0 three times as heavy.
    probs = np.array([[1 / 4, 3 / 4], [1 / 2, 1 / 2], [0, 1]])
    got = class_mass_normalised(probs, np.array([0.5, 0.5]))
    np.testing.assert_allclose(got, [[1 / 2, 1 / 2], [3 / 4, 1 / 4], [0, 1]], atol=1e-12)


def test_class_mass_of_a_class_without_any() -> None:
    probs = np.array([[0.25, 0.75, 0.0]])
    got = class_mass_normalised(probs, np.ones(3))
    np.testing.assert_allclose(got, [[0.5, 0.5, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("rows", "classes", "message"),
    [
        ([0, 3], [0, 2], "A label is of class 2; expected 0 to 1; number the classes"),
        ([0, 3], [-1, 1], "A label is of class -1; expected 0 to 1"),
        ([0, 3], [1, 1], "All 2 labels are of class 1, .*; label a node of another class"),
        ([0, 4], [0, 1], "Node 4 is labelled; expected 0 to 3; label nodes of the graph"),
        ([-1, 2], [0, 1], "Node -1 is labelled"),
        ([2, 2], [0, 1], "2 labels are for 1 nodes; label each once"),
        ([0, 1], [0], "2 nodes have 1 labels; give one per node"),
        ([], [], "0 nodes have 0 labels"),
    ],
)
def test_labels_that_cannot_be_used(rows: list, classes: list, message: str) -> None:
    rows, classes = np.array(rows, int), np.array(classes, int)
    with pytest.raises(InputError, match=message):
        harmonic(chain(1, 1, 1), rows, classes, 2)
