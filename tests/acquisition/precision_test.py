import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.acquisition import ACQUISITIONS, bald, standard_errors


def _first_class(statistics):
    return statistics.mean_probs[:, 0]


def test_of_a_mean_of_two_samples_by_hand():
    # Mean of 0.2 and 0.6: s / sqrt(2) with s^2 = (0.2^2 + 0.2^2) / 1.
    probs_ntc = np.array([[[0.2, 0.8], [0.6, 0.4]]])
    np.testing.assert_allclose(standard_errors(_first_class, probs_ntc), [0.2], rtol=1e-6)


@given(st.integers(2, 10), st.integers(0, 99))
def test_of_a_mean_is_s_over_the_root_of_t(num_samples, seed):
    probs_ntc = np.random.default_rng(seed).dirichlet(np.ones(3), (4, num_samples))
    expected = probs_ntc[:, :, 0].std(axis=1, ddof=1) / np.sqrt(num_samples)
    np.testing.assert_allclose(standard_errors(_first_class, probs_ntc), expected, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(set(ACQUISITIONS) - {"random"}))
def test_is_the_spread_of_scores_over_independent_sets_of_samples(name):
    rng = np.random.default_rng(0)
    sets_ntc = rng.dirichlet([2.0, 0.5, 0.3], size=(400, 200))
    spread = np.std(_scores(name, sets_ntc))
    errors = standard_errors(ACQUISITIONS[name], sets_ntc)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(spread, rel=0.15)


def test_of_equal_samples_is_0():
    equal_ntc = np.tile([[[0.3, 0.7]]], (5, 40, 1))
    assert standard_errors(bald, equal_ntc).tolist() == [0.0] * 5


def test_one_sample_has_none():
    with pytest.raises(ValueError, match="1 sample has no standard error; expected at least 2"):
        standard_errors(bald, np.ones((3, 1, 2)) / 2)


def _scores(name, probs_ntc):
    from dbal_tf import PredictiveStatistics

    return np.asarray(ACQUISITIONS[name](PredictiveStatistics.from_probs(probs_ntc)))
