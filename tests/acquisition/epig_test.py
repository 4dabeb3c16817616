"""EPIG: by hand, against joint tables, and what holds for any samples."""

import doctest
import math

import numpy as np
import pytest

from dbal_tf.acquisition import bald, epig
from dbal_tf.bayesian.statistics import PredictiveStatistics

_RNG = np.random.default_rng(0)
_ITEMS = _RNG.dirichlet(np.full(4, 0.3), (9, 12))
_TARGETS = _RNG.dirichlet(np.full(3, 0.3), (5, 12))
_HALVES = np.array([[[1.0, 0.0], [0.0, 1.0]]])


def _by_tables(items: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The definition: KL of the joint table from the product of its margins, averaged."""
    scores = np.zeros(len(items))
    for row, item in enumerate(items):
        for target in targets:
            joint = np.mean([np.outer(p, q) for p, q in zip(item, target, strict=True)], axis=0)
            product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
            seen = joint > 0
            scores[row] += (joint[seen] * np.log(joint[seen] / product[seen])).sum()
    return scores / len(targets)


def test_the_definition() -> None:
    got = epig(_ITEMS, _TARGETS)
    np.testing.assert_allclose(got, _by_tables(_ITEMS, _TARGETS), atol=1e-12)
    assert got.dtype == np.float64
    single = epig(_ITEMS.astype(np.float32), _TARGETS.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, got, atol=2e-6)


def test_the_definition_on_a_grid_of_two_classes() -> None:
    grid = np.linspace(0, 1, 6)
    pairs = np.array([[[a, 1 - a], [b, 1 - b]] for a in grid for b in grid])
    np.testing.assert_allclose(epig(pairs, pairs), _by_tables(pairs, pairs), atol=1e-12)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], math.log(2)),  # the same question
        ([[0.0, 1.0], [1.0, 0.0]], math.log(2)),  # its opposite, as informative
        ([[0.3, 0.7], [0.3, 0.7]], 0.0),  # nothing to learn
        # A joint table of 3/8, 1/8, 1/8, 3/8.
        ([[0.75, 0.25], [0.25, 0.75]], 0.75 * math.log(1.5) + 0.25 * math.log(0.5)),
    ],
)
def test_known_answers(target: list, expected: float) -> None:
    assert epig(_HALVES, np.array([target])) == pytest.approx([expected], abs=1e-12)


def test_of_two_items_that_disagree_equally_it_takes_the_one_that_predicts() -> None:
    # Samples 0 and 1 differ on the first item and on the target, 0 and 2 on the second.
    first, second, target = np.eye(2)[[[0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1]]]
    items = np.stack([first, second])
    assert bald(PredictiveStatistics.from_probs(items)).numpy() == pytest.approx(
        [math.log(2)] * 2
    )
    assert epig(items, target[np.newaxis]) == pytest.approx([math.log(2), 0], abs=1e-12)


def test_it_is_at_most_bald_and_not_negative() -> None:
    scores = epig(_ITEMS, _TARGETS)
    assert (scores > 0).all()
    assert (scores <= bald(PredictiveStatistics.from_probs(_ITEMS)).numpy() + 1e-12).all()


def test_an_item_that_is_a_target_tells_of_the_others_alone() -> None:
    items = np.random.default_rng(3).dirichlet(np.full(3, 0.3), (4, 6))
    targets = items[[2, 0, 1]]
    found = epig(items, targets, np.array([1, 2, 0, -1]))
    others = [items[[2, 1]], items[[2, 0]], items[[0, 1]], targets]
    expected = [epig(items[[i]], rest)[0] for i, rest in enumerate(others)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found[:3] < epig(items, targets)[:3]).all()
    assert epig(items[:1], items[:1], np.array([0])) == [0]


def test_of_itself_it_is_the_information_of_two_answers_to_one_question() -> None:
    for item in _ITEMS:
        alone = item[np.newaxis]
        own = epig(alone, alone)
        assert own == pytest.approx(_by_tables(alone, alone), abs=1e-12)
        assert own[0] >= 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_samples_have_exactly_0(dtype: type) -> None:
    equal = np.repeat(_ITEMS[:, :1], 12, axis=1).astype(dtype)
    np.testing.assert_array_equal(epig(equal, _TARGETS.astype(dtype)), 0)


def test_permutations_of_items_targets_samples_and_classes() -> None:
    scores = epig(_ITEMS, _TARGETS)
    items, samples, classes = map(_RNG.permutation, _ITEMS.shape)
    moved = _ITEMS[items][:, samples][..., classes], _TARGETS[::-1, samples][..., [2, 0, 1]]
    np.testing.assert_allclose(epig(*moved), scores[items], atol=1e-12)


def test_blocks_bound_the_memory_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["dbal_tf.acquisition.epig"]
    whole, sizes, block = epig(_ITEMS, _TARGETS), [], module._block
    monkeypatch.setattr(module, "_VALUES", 4 * 15 * 2)  # two items' tables
    monkeypatch.setattr(
        module, "_block", lambda probs, *rest: sizes.append(len(probs)) or block(probs, *rest)
    )
    np.testing.assert_allclose(epig(_ITEMS, _TARGETS), whole, atol=1e-12)
    assert sizes == [2, 2, 2, 2, 1]


@pytest.mark.parametrize(
    ("items", "targets"), [((2, 3, 4), (5, 2, 4)), ((2, 3), (5, 3, 4)), ((2, 3, 4), (0, 3, 4))]
)
def test_samples_that_do_not_fit_are_refused(items: tuple, targets: tuple) -> None:
    with pytest.raises(ValueError, match="expected"):
        epig(np.ones(items), np.ones(targets))


def test_examples_in_docstrings() -> None:
    import sys

    result = doctest.testmod(sys.modules["dbal_tf.acquisition.epig"])
    assert (result.attempted, result.failed) == (2, 0)
