"""Intervals and deviations, worked out by hand."""

import numpy as np
import pytest

from dbal_tf.reporting.uncertainty import (
    auc_standard_error,
    corrected_half_width,
    t_half_width,
    von_neumann_deviation,
)


def test_the_t_interval():
    # t of 1 degree of freedom is 12.7062, of 2 it is 4.3027.
    assert t_half_width(np.array([1.0, 3.0])) == pytest.approx(12.7062, abs=1e-4)
    assert t_half_width(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        4.302653 / np.sqrt(3), abs=1e-5
    )
    assert t_half_width(np.full(3, 0.5)) == 0


@pytest.mark.parametrize("values", [[], [0.3]])
def test_one_value_has_no_interval(values):
    assert t_half_width(np.array(values)) is None


def test_the_t_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(2.0, 1.5, (4000, 3))
    covered = [abs(row.mean() - 2.0) <= t_half_width(row) for row in draws]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_the_deviation_of_neighbours():
    # Steps of 2, -2 and, of another curve, 4: (4 + 4 + 16) / 3 / 2 = 4.
    curves = [np.array([3.0, 5.0, 3.0]), np.array([0.0, 4.0])]
    assert von_neumann_deviation(curves) == pytest.approx(2.0)
    assert von_neumann_deviation([np.array([1.0])]) is None
    assert von_neumann_deviation([]) is None


def test_the_deviation_of_noise_about_a_slope():
    noise = np.random.default_rng(0).normal(0, 0.15, (3, 2000))
    assert von_neumann_deviation(noise) == pytest.approx(0.15, rel=0.05)
    slope = 0.1 * np.arange(2000)
    expected = np.sqrt(0.15**2 + 0.1**2 / 2)
    assert von_neumann_deviation(noise - slope) == pytest.approx(expected, rel=0.05)


def test_the_corrected_interval():
    # Half of 12.7062 s / sqrt(2) with s^2 (1/2 + 1/4) for s^2 / 2.
    values = np.array([1.0, 3.0])
    assert corrected_half_width(values, 1 / 4) == pytest.approx(
        12.7062 * np.sqrt(1.5), abs=1e-3
    )
    assert corrected_half_width(values, 0) == t_half_width(values)
    assert corrected_half_width(values[:1], 1 / 4) is None


def test_the_standard_error_of_an_auc():
    # Hanley and McNeil: 0.75 (1 - 0.75) / (m n) if there is one item of each class.
    assert auc_standard_error(0.75, 1, 1) ** 2 == pytest.approx(0.1875)
    assert auc_standard_error(0.75, 43, 172) == pytest.approx(0.0458, abs=1e-4)
    assert auc_standard_error(1.0, 5, 9) == 0


def test_the_standard_error_is_that_of_exponential_scores():
    rng = np.random.default_rng(0)
    # P(positive above negative) of exponentials with means 3 and 1 is 3 / 4.
    positive, negative = rng.exponential(3, (4000, 12, 1)), rng.exponential(1, (4000, 1, 30))
    areas = (positive > negative).mean(axis=(1, 2))
    assert areas.std() == pytest.approx(auc_standard_error(0.75, 12, 30), rel=0.05)
