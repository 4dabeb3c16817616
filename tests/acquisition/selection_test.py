"""From scores to positions: order, ties and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.acquisition.selection import random_subset, top_k


@pytest.mark.parametrize(
    ("scores", "k", "expected"),
    [
        ([0.1, 0.7, 0.3], 2, [1, 2]),
        ([0.1, 0.7, 0.3], 3, [1, 2, 0]),
        ([0.1, 0.7, 0.3], 0, []),
        ([-1.0, -3.0, -2.0], 2, [0, 2]),
        ([1e-300, 0.0, 1e300], 3, [2, 0, 1]),
        ([0.5], 1, [0]),
        (np.array([0, 1, 2], np.uint8), 2, [2, 1]),
        ([False, True], 1, [1]),
        ([], 0, []),
    ],
)
def test_known_answer(scores: list, k: int, expected: list) -> None:
    for seed in range(5):
        got = top_k(np.array(scores), k, seed)
        assert got.dtype == np.int64
        assert got.tolist() == expected


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=30), st.data())
def test_the_chosen_are_the_best(scores: list, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(scores)))
    chosen = top_k(np.array(scores), k, data.draw(st.integers(0, 2**31 - 1)))
    assert len(set(chosen.tolist())) == k
    assert [scores[row] for row in chosen] == sorted(scores, reverse=True)[:k]


def test_ties_are_drawn_uniformly() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.5, 0.1])
    draws = [top_k(scores, 2, seed).tolist() for seed in range(3000)]
    assert {first for first, _ in draws} == {1}
    counts = np.bincount([second for _, second in draws], minlength=5)
    # 1000 expected for each of the three equals, standard deviation 26.
    np.testing.assert_allclose(counts[[0, 2, 3]], 1000, atol=6 * 26)
    assert counts[[1, 4]].tolist() == [0, 0]


def test_all_equal_is_a_uniform_draw_of_pairs() -> None:
    pairs = [tuple(top_k(np.zeros(4), 2, seed).tolist()) for seed in range(6000)]
    counts = [pairs.count(pair) for pair in set(pairs)]
    # 12 ordered pairs, 500 expected of each, standard deviation 21.
    assert len(counts) == 12
    np.testing.assert_allclose(counts, 500, atol=6 * 21.5)


def test_the_seed_fixes_the_order_among_equals() -> None:
    orders = [top_k(np.zeros(50), 50, seed).tolist() for seed in (7, 7, 8)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("k", [-1, 4])
def test_k_out_of_bounds(k: int) -> None:
    with pytest.raises(ValueError, match=f"k={k} is outside 0 to 3"):
        top_k(np.array([0.1, 0.2, 0.3]), k, seed=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="2 of 4 scores are not finite"):
        top_k(np.array([0.1, bad, 0.3, bad]), 1, seed=0)


def test_the_scores_are_left_as_they_were() -> None:
    scores = np.array([0.3, 0.1, 0.2])
    top_k(scores, 2, seed=0)
    assert scores.tolist() == [0.3, 0.1, 0.2]


def test_a_random_subset():
    chosen = random_subset(50, 10, seed=1)
    assert len(set(chosen)) == 10
    assert chosen.tolist() == sorted(chosen)
    assert random_subset(50, 10, seed=2).tolist() != chosen.tolist()
    assert random_subset(50, 0, seed=1).tolist() == random_subset(50, 99, 1).tolist()


def test_a_table_of_scores_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 3\) were given; expected one per item"):
        top_k(np.zeros((5, 3)), 2, seed=0)
