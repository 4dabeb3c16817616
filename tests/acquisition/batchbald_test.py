"""BatchBALD: against the enumeration of all classes, copies, sampling, memory."""

import doctest
import itertools
import math
import sys

import numpy as np
import pytest

from dbal_tf.acquisition import bald, batchbald, joint_bald
from dbal_tf.bayesian.statistics import PredictiveStatistics

_MODULE = sys.modules["dbal_tf.acquisition.batchbald"]
_RNG = np.random.default_rng(0)
_PROBS = _RNG.dirichlet(np.full(3, 0.3), (12, 20))


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def _enumerated(probs_ktc: np.ndarray) -> float:
    """The definition, configuration by configuration."""
    k, samples, classes = probs_ktc.shape
    joint = [
        np.mean([math.prod(probs_ktc[i, t, y[i]] for i in range(k)) for t in range(samples)])
        for y in itertools.product(range(classes), repeat=k)
    ]
    expected = sum(_entropy(probs_ktc[i, t]) for i in range(k) for t in range(samples))
    return _entropy(np.array(joint)) - expected / samples


def _greedy(probs_ntc: np.ndarray, k: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(k):
        gains = [
            -np.inf if i in chosen else _enumerated(probs_ntc[[*chosen, i]])
            for i in range(len(probs_ntc))
        ]
        chosen.append(int(np.argmax(gains)))
    return chosen


def _certain(*classes_of_samples: list[int]) -> np.ndarray:
    return np.eye(2)[np.array(classes_of_samples)]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_joint_information_is_that_of_enumeration(size: int) -> None:
    for _ in range(6):
        batch = _PROBS[_RNG.choice(12, size, replace=False)]
        assert joint_bald(batch) == pytest.approx(_enumerated(batch), abs=1e-12)


def test_information_of_one_is_bald() -> None:
    scores = bald(PredictiveStatistics.from_probs(_PROBS)).numpy()
    assert [joint_bald(one[np.newaxis]) for one in _PROBS] == pytest.approx(scores, abs=1e-12)


def test_known_answers() -> None:
    # Two yes-or-no questions over four equally likely samples.
    one, other = _certain([0, 0, 1, 1]), _certain([0, 1, 0, 1])
    assert joint_bald(one) == pytest.approx(math.log(2))
    assert joint_bald(np.concatenate([one, other])) == pytest.approx(math.log(4))
    assert joint_bald(np.concatenate([one, one, 1 - one])) == pytest.approx(math.log(2))


def test_a_copy_adds_nothing_if_each_sample_is_certain_else_less_than_the_first() -> None:
    certain = _certain([0, 0, 1, 1])
    assert joint_bald(np.repeat(certain, 2, axis=0)) - joint_bald(certain) == pytest.approx(0)
    for item in _PROBS:
        once, twice = (joint_bald(np.repeat(item[np.newaxis], n, axis=0)) for n in (1, 2))
        # A second, independent answer to the question: of worth, but of less.
        assert 0 < twice - once < once


def test_a_greedy_batch_takes_no_copy_while_another_is_informative() -> None:
    best, other = _certain([0, 0, 1, 1])[0], np.array([[0.9, 0.1], [0.1, 0.9]] * 2)
    nothing = np.full((4, 2), 0.5)
    pool = np.stack([best, best, best, other, other, nothing])
    for seed in range(10):
        first, second = batchbald(pool, 2, seed)
        assert (first in (0, 1, 2), second in (3, 4)) == (True, True)
    firsts = {int(batchbald(pool, 1, seed)[0]) for seed in range(40)}
    assert firsts == {0, 1, 2}, "ties go by the seed"


def test_the_greedy_choice_is_that_of_enumeration() -> None:
    for seed in range(5):
        pool = np.random.default_rng(seed).dirichlet(np.full(3, 0.3), (10, 15))
        assert batchbald(pool, 4, seed=0).tolist() == _greedy(pool, 4)


def test_one_is_the_best_by_bald() -> None:
    scores = bald(PredictiveStatistics.from_probs(_PROBS)).numpy()
    for dtype in (np.float32, np.float64):
        assert batchbald(_PROBS.astype(dtype), 1, seed=0).tolist() == [scores.argmax()]


def test_permutations_of_items_samples_and_classes() -> None:
    chosen = batchbald(_PROBS, 5, seed=0)
    items, samples, classes = map(_RNG.permutation, _PROBS.shape)
    moved = batchbald(_PROBS[items][:, samples][..., classes], 5, seed=1)
    assert items[moved].tolist() == chosen.tolist()


def test_all_items_are_ranked_once() -> None:
    assert sorted(batchbald(_PROBS, 12, seed=0, num_configurations=50)) == [*range(12)]
    assert batchbald(_PROBS, 0, seed=0).tolist() == []


def _configurations(items: np.ndarray, number: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    configurations = _MODULE._Configurations.none(items.shape[1], np.float64)
    for item in items:
        configurations = configurations.extended(item, number, rng)
    return configurations


def test_sampled_configurations_are_near_the_exact_ones() -> None:
    exact = _configurations(_PROBS[:6], sys.maxsize)
    assert len(exact.weights_m) == 3**6
    assert exact.weights_m.sum() == pytest.approx(1)
    np.testing.assert_allclose(exact.posterior_mt.sum(axis=1), 1)
    gains, found = exact.gains(_PROBS[6:]), []
    for seed in range(20):
        some = _configurations(_PROBS[:6], 200, seed)
        assert len(some.weights_m) <= 200
        assert some.weights_m.sum() == pytest.approx(1)
        found.append(some.gains(_PROBS[6:]))
    np.testing.assert_allclose(np.mean(found, axis=0), gains, atol=0.004)
    assert np.std(found, axis=0).max() < 0.02


def test_the_last_of_many_labels_is_drawn_from_its_distribution() -> None:
    # Its samples are certain, so that a configuration's posterior tells the label it drew.
    last = np.eye(3)[[0] * 10 + [1] * 6 + [2] * 4]
    items = np.concatenate([_PROBS[:9], last[np.newaxis]])
    for seed in range(5):
        some = _configurations(items, 2000, seed)
        drawn = some.weights_m @ (some.posterior_mt @ last)
        np.testing.assert_allclose(drawn, [0.5, 0.3, 0.2], atol=0.05)


def test_a_batch_by_samples_is_nearly_as_good_as_the_exact_one() -> None:
    pool = np.random.default_rng(5).dirichlet(np.full(3, 0.2), (40, 30))
    exact = joint_bald(pool[batchbald(pool, 7, seed=0)])
    drawn = [joint_bald(pool[batchbald(pool, 7, 0, num_configurations=m)]) for m in (30, 300)]
    assert drawn[0] > 0.97 * exact
    assert drawn[1] > 0.995 * exact


def test_configurations_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, gains = [], _MODULE._gains

    def watched(posterior, weights, probs):
        sizes.append(len(posterior) * len(probs) * probs.shape[2])
        return gains(posterior, weights, probs)

    whole = batchbald(_PROBS, 6, seed=0, num_configurations=100)
    monkeypatch.setattr(_MODULE, "_VALUES", 2000)
    monkeypatch.setattr(_MODULE, "_gains", watched)
    assert batchbald(_PROBS, 6, 0, num_configurations=100).tolist() == whole.tolist()
    assert max(sizes) <= 2000


def test_items_that_cannot_be_best_are_not_computed_again(monkeypatch) -> None:
    counts, gains = [], _MODULE._gains
    pool = np.random.default_rng(1).dirichlet(np.full(3, 0.2), (300, 20))
    pool[20:] = 0.98 * pool[20:, :1] + 0.02 * pool[20:]
    monkeypatch.setattr(
        _MODULE,
        "_gains",
        lambda *args: counts.append(len(args[2])) or gains(*args),
    )
    monkeypatch.setattr(_MODULE, "_VALUES", 27 * 3 * 10)
    batchbald(pool, 4, seed=0)
    assert 300 <= sum(counts) < 2 * 300


@pytest.mark.parametrize(
    ("probs", "k", "message"),
    [
        (np.full((3, 4, 2), 0.5), 4, "k=4 is outside 0 to 3"),
        (np.full((3, 4), 0.5), 1, "expected probabilities"),
        (
            np.array([[[np.nan, 1.0]], [[0.5, 0.5]]]),
            1,
            "1 of 2 items have samples that are not",
        ),
    ],
)
def test_what_cannot_be_used(probs: np.ndarray, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batchbald(probs, k, seed=0)


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(_MODULE)
    assert (result.attempted, result.failed) == (3, 0)
