import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.acquisition import ACQUISITIONS, bald, standard_errors


def _first_class(statistics):
    return statistics.mean_probs[:, 0]


def test_of_a_mean_of_three_samples_by_hand():
    # Mean of 0.1, 0.4 and 0.7: s / sqrt(3) with s^2 = (0.3^2 + 0 + 0.3^2) / 2.
    probs_ntc = np.array([[[0.1, 0.9], [0.4, 0.6], [0.7, 0.3]]])
    expected = [0.3 / np.sqrt(3)]
    np.testing.assert_allclose(standard_errors(_first_class, probs_ntc), expected, rtol=1e-6)


@given(st.integers(3, 10), st.integers(0, 99))
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


@pytest.mark.parametrize("samples", [1, 2])
def test_fewer_than_three_samples_have_none(samples):
    with pytest.raises(ValueError, match="samples have no standard error; expected at least 3"):
        standard_errors(bald, np.ones((3, samples, 2)) / 2)


def _scores(name, probs_ntc):
    from dbal_tf import PredictiveStatistics

    return np.asarray(ACQUISITIONS[name](PredictiveStatistics.from_probs(probs_ntc)))
