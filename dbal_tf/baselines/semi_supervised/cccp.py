"""The objective of a transductive support vector machine, and its minimisation.

There is one linear function per class, f_c(x) = w_c . (phi(x) - m) + r_c. m is the mean of
the unlabelled features, so the mean of f_c on them is r_c: the balance constraint holds
for all weights and needs no multiplier. With H(z) = max(0, 1 - z), the objective is

    J(w) = sum_c 1/2 |w_c|^2 + C sum_labelled H(y_c f_c)^2
         + C* sum_unlabelled R(f_c) + R(-f_c),     R(z) = min(H(z)^2, (1 - s)^2).

R is the ramp loss: a concave function of the convex H(z)^2. The concave-convex procedure
(CCCP) replaces R by its tangent at the current weights: H(z)^2 where z > s, and a constant
elsewhere. The tangent is never below R, so minimising it never increases J.

Collobert, Sinz, Weston and Bottou, "Large Scale Transductive SVMs", JMLR 2006. They do
not square H; here, the square makes each convex problem smooth.
"""

import dataclasses

import numpy as np
import scipy.optimize


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """The data of the optimisation problem.

    Attributes:
        labelled: Features of the labelled images minus the mean m, shape `[l, d]`.
        signs: 1 for an image's class and -1 for the others, shape `[l, c]`.
        unlabelled: Features of the unlabelled images minus the mean m, shape `[u, d]`.
        offsets: The means r that the balance constraint requires, shape `[c]`.
        ramp: The ramp's s, above -1 and at most 0.
    """

    labelled: np.ndarray
    signs: np.ndarray
    unlabelled: np.ndarray
    offsets: np.ndarray
    ramp: float


@dataclasses.dataclass(frozen=True)
class Costs:
    """The factors of the images' losses.

    Attributes:
        labelled: C.
        unlabelled: C*; 0: only the labelled images are used.
    """

    labelled: float
    unlabelled: float

    @classmethod
    def of(cls, problem: Problem, cost: float, weight: float) -> "Costs":
        """Returns C and C* = weight C l / u, so that C* u = weight * C l."""
        return cls(cost, weight * cost * len(problem.labelled) / len(problem.unlabelled))


def functions(
    features_nd: np.ndarray, weights_dc: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Returns f, float64 `[n, c]`; the product has the features' float type."""
    # The large product is in float32, which saves time and memory. The rest is in float64,
    # because the line search of L-BFGS compares objectives that hardly differ.
    product = features_nd @ weights_dc.astype(features_nd.dtype)
    return product.astype(np.float64) + offsets


def objective(problem: Problem, costs: Costs, weights_dc: np.ndarray) -> float:
    """Returns J, which is not convex.

    Args:
        problem: The data.
        costs: C and C*.
        weights_dc: Weights of all classes, float64.
    """
    labelled = functions(problem.labelled, weights_dc, problem.offsets) * problem.signs
    total = 0.5 * np.sum(weights_dc**2) + costs.labelled * np.sum(_hinge(labelled) ** 2)
    if costs.unlabelled:
        f = functions(problem.unlabelled, weights_dc, problem.offsets)
        top = (1 - problem.ramp) ** 2
        ramps = np.minimum(_hinge(f) ** 2, top) + np.minimum(_hinge(-f) ** 2, top)
        total += costs.unlabelled * ramps.sum()
    return float(total)


def convex_round(
    problem: Problem, costs: Costs, weights_dc: np.ndarray, iterations: int
) -> np.ndarray:
    """Returns the weights after one CCCP round, which minimises the tangent by L-BFGS.

    Args:
        problem: The data.
        costs: C and C*.
        weights_dc: The current weights, at which the tangent is taken, float64.
        iterations: Maximum number of iterations of L-BFGS.

    Returns:
        Weights, float64 `[d, c]`, for which J is not higher. If rounding would
        increase J, these are the weights that were given.
    """
    active = None
    if costs.unlabelled:
        f = functions(problem.unlabelled, weights_dc, problem.offsets)
        # Elsewhere the tangent is flat: an image far on one side is not pulled to the other.
        active = (f > problem.ramp, -f > problem.ramp)

    def tangent(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _tangent(problem, costs, flat.reshape(weights_dc.shape), active)
        return value, gradient.ravel()

    found = scipy.optimize.minimize(
        tangent,
        weights_dc.ravel(),
        jac=True,
        method="L-BFGS-B",
        # Memory of 20 steps, twice SciPy's default: it is cheap compared to the products.
        options={"maxiter": iterations, "maxcor": 20},
    )
    better = found.x.reshape(weights_dc.shape)
    before = objective(problem, costs, weights_dc)
    return better if objective(problem, costs, better) <= before else weights_dc


def _tangent(
    problem: Problem,
    costs: Costs,
    weights_dc: np.ndarray,
    active: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[float, np.ndarray]:
    """Returns the convex objective without its constants, and its gradient `[d, c]`."""
    slack = _hinge(functions(problem.labelled, weights_dc, problem.offsets) * problem.signs)
    value = 0.5 * np.sum(weights_dc**2) + costs.labelled * np.sum(slack**2)
    slopes = -2 * costs.labelled * slack * problem.signs
    gradient = weights_dc + _back(problem.labelled, slopes)
    if active is not None:
        f = functions(problem.unlabelled, weights_dc, problem.offsets)
        plus, minus = _hinge(f) * active[0], _hinge(-f) * active[1]
        value += costs.unlabelled * (np.sum(plus**2) + np.sum(minus**2))
        gradient += _back(problem.unlabelled, 2 * costs.unlabelled * (minus - plus))
    return float(value), gradient


def _back(features_nd: np.ndarray, slopes_nc: np.ndarray) -> np.ndarray:
    return (features_nd.T @ slopes_nc.astype(features_nd.dtype)).astype(np.float64)


def _hinge(z: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - z)
