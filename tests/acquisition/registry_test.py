"""What every registered acquisition function and batch must do."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import acquisition, config
from dbal_tf.acquisition import functions
from dbal_tf.acquisition.registry import (
    ACQUISITIONS,
    acquisition_function,
    batch_function,
)
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


_SCORES = np.random.default_rng(1).uniform(0, 1, 11)
_IDS = np.array([f"item-{number}" for number in range(11)])


def test_every_name_of_the_flags_is_registered() -> None:
    public = {name for name in acquisition.__all__ if callable(getattr(acquisition, name))}
    assert {*config.BATCHES, *config.JOINT_ACQUISITIONS} <= public
    assert set(config.TECHNIQUES) == {
        *(*ACQUISITIONS, *config.JOINT_ACQUISITIONS, *config.GRAPH_TECHNIQUES)
    }
    assert set(config.JOINT_BATCHES) < set(config.BATCHES)
    for kind in config.STOCHASTIC:
        assert len(batch_function("stochastic", kind)(_SCORES, _IDS, _PROBS, 3, 0)) == 3


@pytest.mark.parametrize("name", config.BATCHES)
def test_contract_of_batches(name: str) -> None:
    choose = batch_function(name)
    given = _SCORES.copy(), _IDS.copy(), _PROBS.copy()
    for k in (0, 1, 4, 11):
        chosen = choose(*given, k, 7)
        assert (chosen.shape, chosen.dtype) == ((k,), np.int64)
        assert len(set(chosen.tolist())) == k
        assert set(chosen.tolist()) <= set(range(11))
        np.testing.assert_array_equal(choose(*given, k, 7), chosen)
    # A longer batch begins with the shorter one: the reserve does not change the query.
    np.testing.assert_array_equal(choose(*given, 6, 7)[:3], choose(*given, 3, 7))
    for array, untouched in zip(given, (_SCORES, _IDS, _PROBS), strict=True):
        np.testing.assert_array_equal(array, untouched)
    with pytest.raises(ValueError, match="k=12 is outside 0 to 11"):
        choose(*given, 12, 7)
    with pytest.raises(ValueError, match=r"not finite|finite probabilities"):
        choose(np.full(11, np.nan), _IDS, np.full_like(_PROBS, np.nan), 2, 7)


@pytest.mark.parametrize("name", config.BATCHES)
def test_only_joint_batches_look_at_the_samples(name: str) -> None:
    other = np.random.default_rng(9).dirichlet(np.full(5, 0.2), (11, 6)).astype(np.float32)
    one, two = (batch_function(name)(_SCORES, _IDS, probs, 8, 3) for probs in (_PROBS, other))
    assert (one.tolist() != two.tolist()) == (name in config.JOINT_BATCHES)
