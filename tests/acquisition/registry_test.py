"""What every registered acquisition function must do."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import config
from dbal_tf.acquisition import functions
from dbal_tf.acquisition.registry import ACQUISITIONS, acquisition_function
from dbal_tf.bayesian.statistics import PredictiveStatistics

_PROBS = np.random.default_rng(0).dirichlet(np.full(5, 0.2), (11, 6)).astype(np.float32)


def test_every_name_of_the_flag_has_a_function() -> None:
    assert tuple(ACQUISITIONS) == config.ACQUISITIONS


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_contract(name: str) -> None:
    given = PredictiveStatistics(*map(np.asarray, PredictiveStatistics.from_probs(_PROBS)))
    before = [array.copy() for array in given]
    score = ACQUISITIONS[name]
    eager = score(given).numpy()
    assert (eager.shape, eager.dtype) == ((11,), np.float32)
    assert np.isfinite(eager).all()
    assert (eager >= 0).all()
    for array, untouched in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, untouched)
    np.testing.assert_array_equal(score(given).numpy(), eager)
    np.testing.assert_allclose(tf.function(score)(given).numpy(), eager, atol=1e-6)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_an_items_score_does_not_depend_on_the_others(name: str) -> None:
    together = ACQUISITIONS[name](PredictiveStatistics.from_probs(_PROBS)).numpy()
    alone = ACQUISITIONS[name](PredictiveStatistics.from_probs(_PROBS[3:4])).numpy()
    np.testing.assert_allclose(together[3:4], alone, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(ACQUISITIONS) - {"random"}))
def test_functions_tell_items_apart(name: str) -> None:
    scores = ACQUISITIONS[name](PredictiveStatistics.from_probs(_PROBS)).numpy()
    assert len(set(scores.tolist())) == len(scores)


@pytest.mark.parametrize("variant", ["mean", "votes"])
def test_acquisition_function_of_a_name(variant: str) -> None:
    for name in set(ACQUISITIONS) - {"var_ratios"}:
        assert acquisition_function(name, variant) is getattr(functions, name)


def test_both_definitions_of_var_ratios() -> None:
    assert acquisition_function("var_ratios") is functions.var_ratios
    assert acquisition_function("var_ratios", "mean") is functions.var_ratios
    assert acquisition_function("var_ratios", "votes") is functions.var_ratios_votes
