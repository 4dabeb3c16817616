"""Expected-risk queries: by hand, against brute force, and what labels do to the state."""

import doctest
import pathlib

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.baselines import graph, harmonic, mbr
from dbal_tf.baselines.mbr import MinimumBayesRisk
from dbal_tf.core import InputError

ENDS, CLASSES = np.array([0, 3]), np.array([0, 1])


def chain(*weights: float) -> np.ndarray:
    """A chain of nodes with these weights between neighbours."""
    return np.diag(weights, 1) + np.diag(weights, -1)


def random_graph(n: int, seed: int, density: float = 1.0) -> np.ndarray:
    """Symmetric weights in [0, 1]; a chain keeps the graph connected."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return weights + weights.T + chain(*np.full(n - 1, 0.1))


def brute_force(
    weights: np.ndarray, rows: np.ndarray, classes: np.ndarray, num_classes: int
) -> np.ndarray:
    """The expected risk of every node, each solved anew with each label; labelled: inf."""
    probs = harmonic(weights, rows, classes, num_classes)
    risks = np.full(len(weights), np.inf)
    for row in np.setdiff1d(np.arange(len(weights)), rows):
        more = np.append(rows, row)
        after = [
            harmonic(weights, more, np.append(classes, label), num_classes)
            for label in range(num_classes)
        ]
        risks[row] = probs[row] @ [(1 - p.max(axis=1)).sum() for p in after]
    return risks


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(mbr).failed == 0


def test_risk_by_hand() -> None:
    assert mbr.risk(np.array([[0.5, 0.3, 0.2], [1, 0, 0], [0.1, 0.1, 0.8]])) == pytest.approx(
        0.7
    )


def test_chain_of_four_by_hand() -> None:
    """f = 1/3, 2/3. Node 1, if 1: all are 1; if 0, of chance 2/3: node 2 is at 1/2."""
    state = MinimumBayesRisk(chain(1, 1, 1), ENDS, CLASSES, 2)
    np.testing.assert_allclose(state.probs_nc[:, 1], [0, 1 / 3, 2 / 3, 1], rtol=0, atol=1e-12)
    assert mbr.risk(state.probs_nc) == pytest.approx(2 / 3, abs=1e-12)
    risks = state.expected_risks(np.array([1, 2]))
    np.testing.assert_allclose(risks, [1 / 3, 1 / 3], rtol=0, atol=1e-12)


def test_weighted_chain_by_hand() -> None:
    """f = 1/5, 3/5. Node 1: 4/5 * 1/2. Node 2: 3/5 * 1/3, and nothing if it is 0."""
    state = MinimumBayesRisk(chain(2, 1, 1), ENDS, CLASSES, 2)
    assert mbr.risk(state.probs_nc) == pytest.approx(3 / 5, abs=1e-12)
    risks = state.expected_risks(np.array([1, 2]))
    np.testing.assert_allclose(risks, [2 / 5, 1 / 5], rtol=0, atol=1e-12)
    assert [state.query(1, seed).tolist() for seed in range(5)] == [[2]] * 5


def test_three_classes_by_hand() -> None:
    """Hub and leaf 4 of a star are at thirds; the leaf's label moves the hub to a half."""
    star = np.zeros((5, 5))
    star[0, 1:] = star[1:, 0] = 1
    state = MinimumBayesRisk(star, np.array([1, 2, 3]), np.array([0, 1, 2]), 3)
    assert mbr.risk(state.probs_nc) == pytest.approx(4 / 3, abs=1e-12)
    risks = state.expected_risks(np.array([0, 4]))
    np.testing.assert_allclose(risks, [0, 1 / 2], rtol=0, atol=1e-12)
    assert state.query(1, seed=0) == [0]


def test_update_by_hand() -> None:
    # G = [[2, 1], [1, 2]] / 3 of the chain's inner nodes.
    probs = np.array([[2 / 3, 1 / 3], [1 / 3, 2 / 3]])
    got = mbr.updated(probs, np.array([2 / 3, 1 / 3]), row=0, label=0)
    np.testing.assert_allclose(got, [[1, 0], [1 / 2, 1 / 2]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_query_is_that_of_brute_force(num_classes: int) -> None:
    weights = random_graph(80, seed=num_classes, density=0.1)
    rows, classes = np.arange(6) * 13, np.arange(6) % num_classes
    expected = brute_force(weights, rows, classes, num_classes)
    for kind in (np.asarray, scipy.sparse.csr_array):
        state = MinimumBayesRisk(kind(weights), rows, classes, num_classes)
        free = np.flatnonzero(~state.is_labelled_n)
        np.testing.assert_allclose(state.expected_risks(free), expected[free], atol=1e-8)
        assert state.query(1, seed=0) == [expected.argmin()]


@pytest.mark.parametrize("seed", range(4))
def test_labels_one_by_one_equal_a_fresh_solve(seed: int) -> None:
    weights, rng = random_graph(60, seed, density=0.1), np.random.default_rng(seed)
    rows, classes = rng.permutation(60)[:50], np.append([0, 1, 2], rng.integers(0, 3, 47))
    state = MinimumBayesRisk(weights, rows[:3], classes[:3], 3)
    for count in range(4, 51):
        state.label(rows[count - 1], classes[count - 1])
        fresh = MinimumBayesRisk(weights, rows[:count], classes[:count], 3)
        np.testing.assert_allclose(state.probs_nc, fresh.probs_nc, rtol=0, atol=1e-8)
        np.testing.assert_allclose(state._inverse_nn, fresh._inverse_nn, rtol=1e-8, atol=1e-8)
        np.testing.assert_array_equal(state.is_labelled_n, fresh.is_labelled_n)


def test_a_revealed_batch_is_brute_force_after_each_label() -> None:
    weights, truth = random_graph(40, seed=9, density=0.2), np.arange(40) % 2
    rows = np.array([0, 1])
    state = MinimumBayesRisk(weights, rows, truth[rows], 2)
    chosen = state.query(5, seed=0, reveal=lambda row: truth[row])
    for row in chosen:
        assert row == brute_force(weights, rows, truth[rows], 2).argmin()
        rows = np.append(rows, row)
    assert np.flatnonzero(state.is_labelled_n).tolist() == sorted(rows)
    np.testing.assert_array_equal(state.probs_nc[rows].argmax(axis=1), truth[rows])


def test_a_batch_of_predictions_leaves_no_trace() -> None:
    weights = random_graph(40, seed=9, density=0.2)
    rows, classes = np.array([0, 1]), np.array([0, 1])
    state = MinimumBayesRisk(weights, rows, classes, 2)
    before = state.probs_nc.copy(), state._inverse_nn.copy(), state.is_labelled_n.copy()
    chosen = state.query(5, seed=0)
    for row in chosen:
        assert row == brute_force(weights, rows, classes, 2).argmin()
        predicted = harmonic(weights, rows, classes, 2)[row].argmax()
        rows, classes = np.append(rows, row), np.append(classes, predicted)
    after = state.probs_nc, state._inverse_nn, state.is_labelled_n
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.integers(5, 15), st.integers(2, 4), st.floats(0, 1), st.integers(0, 2**32))
def test_a_label_is_expected_to_help(n: int, c: int, density: float, seed: int) -> None:
    state = MinimumBayesRisk(
        random_graph(n, seed, density), np.array([0, n - 1]), CLASSES, num_classes=c
    )
    risks = state.expected_risks(np.arange(1, n - 1))
    assert risks.min() >= -1e-9
    assert risks.max() <= mbr.risk(state.probs_nc) + 1e-9


@given(st.integers(0, 2**32))
def test_the_order_of_nodes_is_nothing(seed: int) -> None:
    weights, order = random_graph(9, seed), np.random.default_rng(seed).permutation(9)
    state = MinimumBayesRisk(weights, np.array([0, 1]), CLASSES, 2)
    position = np.argsort(order)
    moved = MinimumBayesRisk(weights[np.ix_(order, order)], position[:2], CLASSES, 2)
    np.testing.assert_allclose(moved.probs_nc, state.probs_nc[order], rtol=0, atol=1e-9)
    risks, moved_risks = (
        one.expected_risks(np.flatnonzero(~one.is_labelled_n)) for one in (state, moved)
    )
    free = order[~moved.is_labelled_n] - 2
    np.testing.assert_allclose(moved_risks, risks[free], rtol=0, atol=1e-9)


def test_blocks_do_not_change_the_risks(monkeypatch: pytest.MonkeyPatch) -> None:
    state = MinimumBayesRisk(random_graph(30, seed=1), ENDS, CLASSES, 2)
    free = np.flatnonzero(~state.is_labelled_n)
    at_once = state.expected_risks(free)
    monkeypatch.setattr(mbr, "_BLOCK_VALUES", 65)  # two candidates a block
    np.testing.assert_allclose(state.expected_risks(free), at_once, rtol=1e-12)


def test_equals_are_drawn_by_the_seed() -> None:
    state = MinimumBayesRisk(chain(1, 1, 1), ENDS, CLASSES, 2)
    draws = [int(state.query(1, seed)[0]) for seed in range(400)]
    assert draws == [int(state.query(1, seed)[0]) for seed in range(400)]
    # 200 expected of each, standard deviation 10.
    assert abs(draws.count(1) - 200) < 60
    assert set(draws) == {1, 2}


def test_only_candidates_are_asked_for() -> None:
    state = MinimumBayesRisk(chain(2, 1, 1), ENDS, CLASSES, 2)
    assert state.query(1, seed=0, candidates_m=np.array([1])) == [1]
    assert state.query(0, seed=0).tolist() == []
    with pytest.raises(InputError, match="1 of 2 candidates are labelled, not in the graph"):
        state.query(1, seed=0, candidates_m=np.array([0, 1]))
    with pytest.raises(InputError, match=r"1 of 2 candidates are .* given twice"):
        state.query(1, seed=0, candidates_m=np.array([1, 1]))
    for k in (-1, 3):
        with pytest.raises(ValueError, match=f"k={k} is outside 0 to 2"):
            state.query(k, seed=0)


def test_copies_of_an_image() -> None:
    points = np.repeat([[0.0], [1.0], [2.0], [3.0]], 3, axis=0)
    state = MinimumBayesRisk(graph.rbf_graph(points), np.array([0, 11]), CLASSES, 2)
    probs = state.probs_nc[:, 1].reshape(4, 3)
    np.testing.assert_allclose(probs[1:3], 1 - probs[2:0:-1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(probs[1], probs[1, 0], rtol=0, atol=1e-9)
    assert len(set(state.query(10, seed=0).tolist())) == 10


def test_a_part_without_a_label_is_asked_for_first_and_then_follows_its_label() -> None:
    weights = np.zeros((14, 14))
    weights[:4, :4] = chain(1, 1, 1)
    weights[4:13, 4:13] = random_graph(9, seed=0)  # and node 13 alone
    state = MinimumBayesRisk(weights, ENDS, CLASSES, 2)
    np.testing.assert_allclose(state.probs_nc[4:], 0.5, rtol=0, atol=1e-9)
    (row,) = state.query(1, seed=0)
    assert 4 <= row < 13
    state.label(row, 1)
    np.testing.assert_allclose(state.probs_nc[4:13, 1], 1, rtol=0, atol=1e-9)
    np.testing.assert_allclose(state.probs_nc[13], 0.5, rtol=0, atol=1e-12)
    other = 4 if row != 4 else 5
    state.label(other, 0)
    fresh = harmonic(weights, np.array([0, 3, row, other]), np.array([0, 1, 1, 0]), 2)
    np.testing.assert_allclose(state.probs_nc, fresh, rtol=0, atol=1e-8)
    state.label(13, 0)
    np.testing.assert_array_equal(state.probs_nc[13], [1, 0])


@pytest.mark.parametrize(
    ("row", "label", "message"),
    [
        (0, 1, "3 labels are for 2 nodes; label each once"),
        (4, 1, "Node 4 is labelled; expected 0 to 3"),
        (1, 2, "A label is of class 2; expected 0 to 1"),
    ],
)
def test_labels_that_cannot_be_used(row: int, label: int, message: str) -> None:
    state = MinimumBayesRisk(chain(1, 1, 1), ENDS, CLASSES, 2)
    before = state.probs_nc.copy()
    with pytest.raises(InputError, match=message):
        state.label(row, label)
    np.testing.assert_array_equal(state.probs_nc, before)


def test_memory_is_checked_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "_available_bytes", lambda: 2 * 8 * 9)
    with pytest.raises(InputError, match=r"4 images .* expected at most 3 images"):
        MinimumBayesRisk(chain(1, 1, 1), ENDS, CLASSES, 2)


def test_two_against_eight_on_mnist(mnist_dir: pathlib.Path) -> None:
    """20 labels tell most digits by their neighbours; a wide kernel on all pairs tells none."""
    from dbal_tf.datasets import mnist

    source = mnist.load(str(mnist_dir))
    rows = np.flatnonzero(np.isin(source.train_classes, [2, 8]))[:600]
    points = graph.pixels(source.train.images[rows])
    truth = (source.train_classes[rows] == 8).astype(int)
    labelled = np.concatenate([np.flatnonzero(truth == label)[:10] for label in (0, 1)])

    def accuracy(probs_nc: np.ndarray) -> float:
        return (probs_nc.argmax(axis=1) == truth).mean()

    wide = harmonic(graph.rbf_graph(points, 3.0), labelled, truth[labelled], 2)
    state = MinimumBayesRisk(graph.knn_graph(points), labelled, truth[labelled], 2)
    before = accuracy(state.probs_nc)
    state.query(20, seed=0, reveal=lambda row: truth[row])
    assert accuracy(wide) < 0.7 < 0.93 < before < accuracy(state.probs_nc)
