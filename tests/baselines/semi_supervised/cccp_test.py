"""The concave-convex procedure: J never rises, the tangent is above J, the balance holds."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from dbal_tf.baselines.semi_supervised import cccp
from dbal_tf.baselines.semi_supervised.cccp import Costs, Problem, convex_round, objective


def problem_of(seed=0, ramp=0.0, classes=3):
    rng = np.random.default_rng(seed)
    labelled, unlabelled = rng.normal(size=(9, 5)), rng.normal(size=(40, 5))
    mean = unlabelled.mean(axis=0)
    signs = np.where(np.arange(9)[:, np.newaxis] % classes == np.arange(classes), 1.0, -1.0)
    return Problem(labelled - mean, signs, unlabelled - mean, signs.mean(axis=0), ramp)


def test_objective_by_hand():
    # One feature: f is -0.5, 0.5 for w = 1, and the labelled image has f = 2 and y = -1.
    problem = Problem(
        np.array([[2.0]]), np.array([[-1.0]]), np.array([[-0.5], [0.5]]), np.zeros(1), -0.25
    )
    weights = np.ones((1, 1))
    assert objective(problem, Costs(10.0, 0.0), weights) == pytest.approx(0.5 + 10 * 9)
    # H(0.5)^2 = 0.25; H(-0.5)^2 = 2.25 is cut off at 1.25^2.
    ramps = 2 * (0.25 + 1.25**2)
    assert objective(problem, Costs(10.0, 4.0), weights) == pytest.approx(90.5 + 4 * ramps)


@given(st.integers(0, 1000), st.sampled_from([0.0, -0.3, -0.9]), st.sampled_from([0.1, 1, 10]))
@settings(max_examples=30, deadline=None)
def test_no_round_raises_the_objective(seed, ramp, weight):
    problem = problem_of(seed, ramp)
    costs = Costs.of(problem, 1.0, weight)
    weights = np.random.default_rng(seed).normal(size=(5, 3))
    values = [objective(problem, costs, weights)]
    for _ in range(6):
        weights = convex_round(problem, costs, weights, iterations=20)
        values.append(objective(problem, costs, weights))
    assert np.diff(values).max() <= 0
    assert values[-1] < values[0]


def test_tangent_touches_the_objective_and_is_above_it():
    problem, costs = problem_of(ramp=-0.2), Costs(2.0, 0.7)
    rng = np.random.default_rng(0)
    here = rng.normal(size=(5, 3))
    f = cccp.functions(problem.unlabelled, here, problem.offsets)
    active = (f > problem.ramp, -f > problem.ramp)
    constant = 0.7 * (1 - problem.ramp) ** 2 * sum(np.sum(~side) for side in active)

    def tangent(weights):
        return cccp._tangent(problem, costs, weights, active)[0] + constant

    assert tangent(here) == pytest.approx(objective(problem, costs, here))
    for _ in range(50):
        there = here + rng.normal(size=here.shape)
        assert tangent(there) >= objective(problem, costs, there) - 1e-9


def test_gradient_against_finite_differences():
    problem, costs = problem_of(ramp=-0.2), Costs(2.0, 0.7)
    here = np.random.default_rng(0).normal(size=(5, 3))
    f = cccp.functions(problem.unlabelled, here, problem.offsets)
    active = (f > problem.ramp, -f > problem.ramp)

    def value(flat):
        return cccp._tangent(problem, costs, flat.reshape(5, 3), active)[0]

    numeric = scipy.optimize.approx_fprime(here.ravel(), value, 1e-7)
    exact = cccp._tangent(problem, costs, here, active)[1]
    np.testing.assert_allclose(exact.ravel(), numeric, rtol=1e-4, atol=1e-4)


def test_balance_holds_for_all_weights():
    problem = problem_of()
    weights = np.random.default_rng(1).normal(size=(5, 3))
    means = cccp.functions(problem.unlabelled, weights, problem.offsets).mean(axis=0)
    np.testing.assert_allclose(means, problem.signs.mean(axis=0), atol=1e-12)


def test_classes_are_independent():
    problem, costs = problem_of(), Costs(1.0, 0.5)
    both = convex_round(problem, costs, np.zeros((5, 3)), 500)
    alone = Problem(
        problem.labelled, problem.signs[:, :1], problem.unlabelled, problem.offsets[:1], 0.0
    )
    one = convex_round(alone, costs, np.zeros((5, 1)), 500)
    np.testing.assert_allclose(both[:, :1], one, atol=1e-3)


def test_unlabelled_points_move_the_boundary_into_the_gap():
    """Labels at -1 and 3; clusters around -1 and 1, 3: the gap is at 0, not at 1."""
    clusters = np.concatenate([np.full(20, -1.0), np.linspace(0.8, 3, 20)])[:, np.newaxis]
    mean, signs = clusters.mean(), np.array([[-1.0], [1.0]])
    problem = Problem(
        np.array([[-1.0], [3.0]]) - mean, signs, clusters - mean, np.zeros(1), ramp=0.0
    )
    weights = convex_round(problem, Costs(10.0, 0.0), np.zeros((1, 1)), 100)
    for _ in range(10):
        weights = convex_round(problem, Costs.of(problem, 10.0, 10.0), weights, 100)
    f = cccp.functions(problem.unlabelled, weights, problem.offsets)[:, 0]
    np.testing.assert_array_equal(f > 0, clusters[:, 0] > 0)


def test_costs_of_a_weight():
    problem = problem_of()
    costs = Costs.of(problem, 2.0, 3.0)
    assert costs.labelled == 2
    assert costs.unlabelled * len(problem.unlabelled) == pytest.approx(3 * 2 * 9)
