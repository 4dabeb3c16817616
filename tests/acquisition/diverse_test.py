"""Diverse batches: no copies, draws in proportion, order."""

import doctest
import sys

import numpy as np
import pytest

from dbal_tf.acquisition import diverse

_RNG = np.random.default_rng(0)
_PROBS = _RNG.dirichlet(np.full(3, 0.3), (30, 8))
_SCORES = _RNG.uniform(0, 1, 30)
_IDS = [f"item-{number}" for number in range(30)]


def test_the_first_is_the_best_by_score() -> None:
    for seed in range(5):
        assert diverse(_SCORES, _PROBS, _IDS, 3, seed)[0] == _SCORES.argmax()


def test_never_two_copies_while_others_are_left() -> None:
    kinds = np.arange(30) % 5
    for seed in range(20):
        chosen = diverse(_SCORES, _PROBS[kinds], _IDS, 8, seed)
        assert sorted(kinds[chosen[:5]]) == [0, 1, 2, 3, 4]
        assert len(set(chosen)) == 8
        left = np.setdiff1d(np.arange(30), chosen[:5])
        assert chosen[5:].tolist() == left[np.argsort(-_SCORES[left])[:3]].tolist()


def test_further_ones_are_drawn_by_squared_distance() -> None:
    # Deviations of the first class of two samples: 0.3, then 0.1, -0.1 and -0.3.
    first = np.array([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]])
    probs = np.stack([first, 1 - first], axis=-1)
    scores, ids = np.array([1.0, 0, 0, 0]), list("abcd")
    second = [diverse(scores, probs, ids, 2, seed)[1] for seed in range(2000)]
    shares = np.bincount(second, minlength=4) / 2000
    np.testing.assert_allclose(shares, np.array([0, 4, 16, 36]) / 56, atol=0.03)


def test_the_batch_depends_on_ids_and_not_on_the_order() -> None:
    order = _RNG.permutation(30)
    ids = [_IDS[row] for row in order]
    moved = diverse(_SCORES[order], _PROBS[order], ids, 9, seed=4)
    expected = diverse(_SCORES, _PROBS, _IDS, 9, seed=4)
    assert [ids[row] for row in moved] == [_IDS[row] for row in expected]


def test_seeds_decide_ties_and_draws() -> None:
    found = {tuple(diverse(np.zeros(30), _PROBS, _IDS, 4, seed)) for seed in range(10)}
    assert len(found) == 10
    assert len({rows[0] for rows in found}) > 3


def test_all_and_none() -> None:
    assert sorted(diverse(_SCORES, _PROBS, _IDS, 30, 0)) == [*range(30)]
    assert diverse(_SCORES, _PROBS, _IDS, 0, 0).tolist() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 31}, "k=31 is outside 0 to 30"),
        ({"scores_n": np.full(30, np.nan)}, "30 of 30 scores are not finite"),
        ({"probs_ntc": _PROBS[:4]}, "expected finite probabilities"),
        ({"probs_ntc": np.full((30, 2, 2), np.nan)}, "expected finite probabilities"),
    ],
)
def test_what_cannot_be_used(change: dict, message: str) -> None:
    given = {"scores_n": _SCORES, "probs_ntc": _PROBS, "ids": _IDS, "k": 2, "seed": 0}
    with pytest.raises(ValueError, match=message):
        diverse(**given | change)


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(sys.modules["dbal_tf.acquisition.diverse"])
    assert (result.attempted, result.failed) == (2, 0)
