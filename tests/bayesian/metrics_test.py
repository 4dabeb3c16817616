"""Error, likelihood, Brier score and calibration, worked out by hand."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from dbal_tf.bayesian import metrics

PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.25, 0.25, 0.5]], np.float32)
CLASSES = np.array([0, 2, 2])


def test_error() -> None:
    assert metrics.error(PROBS, CLASSES) == pytest.approx(1 / 3)
    assert metrics.error(PROBS, PROBS.argmax(axis=1)) == 0
    assert metrics.error(PROBS, np.array([1, 0, 0])) == 1


def test_nll() -> None:
    by_hand = -(np.log(0.7) + np.log(0.4) + np.log(0.5)) / 3
    assert metrics.nll(PROBS, CLASSES) == pytest.approx(by_hand, rel=1e-6)


def test_nll_of_a_probability_of_zero_is_finite() -> None:
    certain = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    # The smallest normal float32 is 2^-126.
    assert metrics.nll(certain, np.array([0, 1])) == pytest.approx(126 * np.log(2) / 2)


def test_brier() -> None:
    # 0.09 + 0.04 + 0.01, 0.01 + 0.25 + 0.36, 0.0625 + 0.0625 + 0.25.
    assert metrics.brier(PROBS, CLASSES) == pytest.approx((0.14 + 0.62 + 0.375) / 3, rel=1e-6)
    assert metrics.brier(np.eye(3), np.arange(3)) == 0
    assert metrics.brier(np.eye(3), np.array([1, 2, 0])) == 2


def _two_classes(confidences: list[float]) -> np.ndarray:
    first = np.array(confidences, np.float32)
    return np.stack([first, 1 - first], axis=1)


def test_ece_of_two_bins() -> None:
    # 3 of 4 right at 0.9, 3 of 6 right at 0.62: 0.4 * 0.15 + 0.6 * 0.12.
    probs = _two_classes([0.9] * 4 + [0.62] * 6)
    classes = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1, 1])
    assert metrics.ece(probs, classes) == pytest.approx(0.132, abs=1e-6)
    assert metrics.ece(probs, classes, num_bins=1) == pytest.approx(0.732 - 0.6, abs=1e-6)


def test_ece_joins_opposite_errors_in_one_bin_only() -> None:
    probs = _two_classes([0.9] * 2 + [0.62] * 2)
    classes = np.array([0, 1, 0, 0])
    assert metrics.ece(probs, classes) == pytest.approx(0.5 * 0.4 + 0.5 * 0.38, abs=1e-6)
    assert metrics.ece(probs, classes, num_bins=1) == pytest.approx(0.76 - 0.75, abs=1e-6)


def test_ece_of_perfect_calibration() -> None:
    assert metrics.ece(_two_classes([0.75] * 4), np.array([0, 1, 0, 0])) < 1e-6
    assert metrics.ece(np.eye(3, dtype=np.float32), np.arange(3)) == pytest.approx(0)
    assert metrics.ece(np.eye(3, dtype=np.float32), np.array([1, 2, 0])) == pytest.approx(1)


def test_ece_takes_float64() -> None:
    probs = np.array([[0.75, 0.25]] * 4)
    assert metrics.ece(probs, np.array([0, 0, 1, 1])) == pytest.approx(0.25, abs=1e-6)


def test_auc_by_hand() -> None:
    # Of the 2 * 3 pairs of one item of each class, 5 are in order: 0.6 < 0.7 is not.
    probs = np.array([[0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]])
    classes = np.array([0, 0, 1, 1, 1])
    assert metrics.auc(probs, classes) == pytest.approx(5 / 6)
    assert metrics.auc(probs, 1 - classes) == pytest.approx(1 / 6)
    assert metrics.auc(np.full((4, 2), 0.5), np.array([0, 1, 1, 0])) == 0.5


def test_auc_of_three_classes_is_the_mean_of_each_against_the_others() -> None:
    # Class 0: 0.1 is below 0.7 and 0.25. Class 2: of 0.1 and 0.5 one is above 0.4. No item
    # is of class 1.
    assert metrics.auc(PROBS, np.array([2, 0, 2])) == pytest.approx((0 + 1 / 2) / 2)
    assert metrics.auc(PROBS, np.array([0, 1, 2])) == 1


@pytest.mark.parametrize("classes", [[1, 1], []])
def test_items_of_one_class_have_no_auc(classes: list[int]) -> None:
    probs, numbers = _two_classes([0.9, 0.2])[: len(classes)], np.array(classes, int)
    assert metrics.auc(probs, numbers) is None
    assert metrics.sensitivity(probs, numbers) is None


def test_sensitivity_by_hand() -> None:
    # Four of the five of class 0 are at 0.4 or below, and two of the three of class 1 above.
    probs = _two_classes([0.9, 0.8, 0.7, 0.6, 0.5, 0.65, 0.55, 0.4])
    classes = np.array([0] * 5 + [1] * 3)
    assert metrics.sensitivity(probs, classes) == pytest.approx(2 / 3)
    assert metrics.sensitivity(probs, classes, specificity=1) == pytest.approx(1 / 3)
    assert metrics.sensitivity(probs, classes, specificity=0) == 1
    assert metrics.sensitivity(PROBS, CLASSES) is None, "three classes"


@hypothesis.given(seed=st.integers(0, 2**32), negatives=st.integers(1, 30))
def test_the_specificity_is_kept(seed: int, negatives: int) -> None:
    rng = np.random.default_rng(seed)
    probs, classes = _two_classes(rng.random(negatives + 9).round(1)), np.arange(negatives + 9)
    classes = (classes >= negatives).astype(int)
    found = metrics.sensitivity(probs, classes)
    # Some threshold has this sensitivity and a specificity of 0.8 at least.
    for threshold in {*probs[:, 1].tolist(), -1.0}:
        above = probs[:, 1] > threshold
        if 1 - above[:negatives].mean() >= 0.8 - 1e-9:
            assert above[negatives:].mean() <= found + 1e-9


def test_reliability_by_hand() -> None:
    probs = _two_classes([0.9] * 4 + [0.6] * 5 + [1.0])
    classes = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1, 0])
    empty = (0.0, 0.0, 0.0)
    rows = metrics.reliability(probs, classes, num_bins=4)
    assert rows[:2] == (empty, empty)
    assert rows[2] == pytest.approx((5, 0.6, 3 / 5), rel=1e-6)
    assert rows[3] == pytest.approx((5, 4.6 / 5, 4 / 5), rel=1e-6)


@hypothesis.given(seed=st.integers(0, 2**32), classes=st.integers(2, 6), n=st.integers(1, 60))
def test_reliability_counts_all_and_gives_the_ece(seed: int, classes: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(classes, 0.3), n).astype(np.float32)
    truth = rng.integers(0, classes, n)
    count, confidence, right = np.array(metrics.reliability(probs, truth)).T
    assert count.sum() == n
    assert (count * right).sum() == pytest.approx(n * (1 - metrics.error(probs, truth)))
    gap = (count / n * abs(confidence - right)).sum()
    assert gap == pytest.approx(metrics.ece(probs, truth), abs=1e-5)
