import numpy as np
import pytest

from dbal_tf.labelling.advice import expected_errors, sentence

LABELS = np.array([20, 30, 40, 50, 60, 70, 80, 100])


def curve(rate=0.5, scale=2.0):
    return scale * LABELS**-rate


def test_a_power_law_is_found_again():
    expected = expected_errors(LABELS, curve(), np.full(8, 10**6))
    np.testing.assert_allclose(expected[:, 0], [2 * 150**-0.5, 2 * 200**-0.5], rtol=1e-3)
    assert (expected[:, 1] < expected[:, 0]).all() and (expected[:, 0] < expected[:, 2]).all()
    assert (expected[:, 2] - expected[:, 1] < 0.01).all()


def test_fewer_test_items_make_the_interval_wider():
    widths = [
        np.ptp(expected_errors(LABELS, curve(), np.full(8, n))[0, 1:]) for n in (50, 5000)
    ]
    assert widths[0] > 3 * widths[1]


def test_the_interval_holds_the_true_error_in_most_cases():
    rng = np.random.default_rng(0)
    items = np.full(8, 300)
    inside = 0
    for _ in range(200):
        errors = rng.binomial(items, curve()) / items
        _, low, high = expected_errors(LABELS, errors, items)[0]
        inside += low <= 2 * 150**-0.5 <= high
    assert inside >= 180


def test_no_rise_is_expected():
    expected = expected_errors(LABELS, np.linspace(0.1, 0.2, 8), np.full(8, 1000))
    assert expected[0, 0] == pytest.approx(expected[1, 0]) and expected[0, 0] < 0.2


def test_a_perfect_curve_is_finite():
    expected = expected_errors(LABELS, np.zeros(8), np.full(8, 50))
    assert np.isfinite(expected).all() and (expected >= 0).all() and (expected <= 1).all()


def test_with_fewer_than_four_points_there_is_no_advice():
    assert expected_errors(LABELS[:3], curve()[:3], np.full(3, 100)) is None
    assert sentence(LABELS[:3], curve()[:3], np.full(3, 100)) is None


def test_the_sentence_is_in_labels():
    text = sentence(LABELS, curve(), np.full(8, 10**6))
    assert text.startswith("Test error 20.0% now; expected 16.3% after 50 more labels (95 %")
