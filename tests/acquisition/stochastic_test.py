"""Noise by id, and the batches that it makes."""

import doctest
import sys

import numpy as np
import pytest
import scipy.stats

from dbal_tf.acquisition import gumbel_noise, stochastic, top_k

_IDS = [f"train-{number}" for number in range(500)]
_SCORES = np.random.default_rng(0).uniform(0, 1, 500)
_KINDS = ("power", "softmax", "softrank")


def test_noise_depends_on_the_id_alone() -> None:
    noise = gumbel_noise(_IDS, seed=3)
    order = np.random.default_rng(1).permutation(500)
    moved = gumbel_noise([_IDS[row] for row in order], seed=3)
    np.testing.assert_array_equal(moved, noise[order])
    np.testing.assert_array_equal(gumbel_noise(_IDS[7:9], seed=3), noise[7:9])
    np.testing.assert_array_equal(gumbel_noise(np.array(_IDS), seed=3), noise)


def test_noise_is_the_same_on_every_machine() -> None:
    np.testing.assert_allclose(
        gumbel_noise(["a", "b"], seed=0), [-0.31571099073694836, 0.4170542520705471], rtol=1e-12
    )


def test_seeds_and_draws_give_other_noise() -> None:
    found = [gumbel_noise(_IDS, 3), gumbel_noise(_IDS, 4), gumbel_noise(_IDS, 3, draw=1)]
    for one in range(3):
        for other in range(one):
            assert abs(np.corrcoef(found[one], found[other])[0, 1]) < 0.15


def test_noise_is_gumbel() -> None:
    noise = gumbel_noise(map(str, range(20_000)), seed=0)
    assert scipy.stats.kstest(noise, scipy.stats.gumbel_r.cdf).pvalue > 0.01
    assert gumbel_noise([], seed=0).shape == (0,)


@pytest.mark.parametrize("kind", _KINDS)
def test_without_noise_it_is_top_k(kind: str) -> None:
    found = stochastic(_SCORES, _IDS, 20, 5, kind, temperature=0)
    np.testing.assert_array_equal(found, top_k(_SCORES, 20, 0))


@pytest.mark.parametrize("kind", _KINDS)
def test_little_noise_is_nearly_top_k_and_much_is_not(kind: str) -> None:
    best = set(top_k(_SCORES, 20, 0))
    shared = [len(best & set(stochastic(_SCORES, _IDS, 20, 5, kind, t))) for t in (1e-6, 1e3)]
    assert shared[0] == 20
    assert shared[1] < 8


@pytest.mark.parametrize(
    ("kind", "weights"),
    [("power", [1, 2, 5]), ("softmax", np.exp([1, 2, 5])), ("softrank", [1 / 3, 1 / 2, 1])],
)
def test_the_first_is_drawn_in_proportion(kind: str, weights: list) -> None:
    scores = np.array([1.0, 2.0, 5.0])
    first = [stochastic(scores, ["a", "b", "c"], 1, seed, kind)[0] for seed in range(3000)]
    shares = np.bincount(first, minlength=3) / 3000
    np.testing.assert_allclose(shares, np.array(weights) / np.sum(weights), atol=0.03)


@pytest.mark.parametrize("kind", _KINDS)
def test_the_batch_does_not_depend_on_the_order_of_the_pool(kind: str) -> None:
    tied = np.round(_SCORES, 1)
    order = np.random.default_rng(2).permutation(500)
    one = [_IDS[row] for row in stochastic(tied, _IDS, 30, 9, kind)]
    ids = [_IDS[row] for row in order]
    assert [ids[row] for row in stochastic(tied[order], ids, 30, 9, kind)] == one


def test_scores_of_0_come_last_in_random_order() -> None:
    scores = np.array([0.0, 0.0, 0.5, 0.0])
    found = [stochastic(scores, list("abcd"), 4, seed) for seed in range(60)]
    assert {rows[0] for rows in found} == {2}
    assert {rows[1] for rows in found} == {0, 1, 3}
    assert all(sorted(rows) == [0, 1, 2, 3] for rows in found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 4}, "k=4 is outside 0 to 3"),
        ({"scores_n": [0.1, np.nan, np.inf]}, "2 of 3 scores are not finite"),
        ({"scores_n": [0.1, 0.2]}, "expected one per id"),
        ({"scores_n": [0.1, -0.5, 0.2]}, "A score is -0.5; power needs scores from 0 on"),
        ({"kind": "uniform"}, "kind='uniform' was given; expected one of power"),
    ],
)
def test_what_cannot_be_used(change: dict, message: str) -> None:
    given = {"scores_n": [0.1, 0.2, 0.3], "ids": list("abc"), "k": 1, "seed": 0} | change
    with pytest.raises(ValueError, match=message):
        stochastic(**given)


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(sys.modules["dbal_tf.acquisition.stochastic"])
    assert (result.attempted, result.failed) == (2, 0)
