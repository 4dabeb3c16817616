"""Stopping advice: what further labels are expected to bring.

The learning curve is extrapolated by a power law, error = a * labels^-b. See Hestness
et al., "Deep learning scaling is predictable, empirically", 2017, arXiv:1712.00409.
"""

import numpy as np

AHEAD = (50, 100)  # labels
_LEAST_POINTS = 4
_DRAWS = 2000
_SEED = 0


def expected_errors(
    labels: np.ndarray, errors: np.ndarray, items: np.ndarray
) -> np.ndarray | None:
    """Extrapolates a learning curve.

    The fit uses the second half of the points, at least four, because the beginning
    of an active learning curve has another slope. The interval comes from a parametric
    bootstrap: errors are drawn with the sampling variance of the test items, or with
    the scatter around the fit if that is larger.

    Args:
        labels: Numbers of labels, ascending, shape `[r]`.
        errors: Test errors, 0 to 1, shape `[r]`.
        items: The number of test items that each error was measured on, shape `[r]`.

    Returns:
        The expected error, and the ends of its 95 % interval, after each of
        `AHEAD` more labels, shape `[2, 3]`; None with fewer than four points.
    """
    if len(labels) < _LEAST_POINTS:
        return None
    kept = slice(-max(_LEAST_POINTS, len(labels) // 2), None)
    labels, items = labels[kept].astype(np.float64), items[kept]
    # Half an item is added, so that the logarithm is finite where no test item is wrong.
    rates = (errors[kept] * items + 0.5) / (items + 1)
    variances = (1 - rates) / (rates * (items + 1))
    last = labels[-1]
    ahead = np.log((last + np.array(AHEAD)) / last)
    place, target = np.log(labels / last), np.log(rates)
    level, slope = _fit(place, target[np.newaxis], 1 / variances)
    fitted = level + slope * place
    excess = ((target - fitted[0]) ** 2 / variances).sum() / max(1, len(labels) - 2)
    rng = np.random.Generator(np.random.PCG64(_SEED))
    noise = rng.normal(size=(_DRAWS, len(labels))) * np.sqrt(variances * max(1.0, excess))
    levels, slopes = _fit(place, fitted + noise, 1 / variances)
    drawn = np.exp(levels + slopes * ahead)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    expected = np.exp(level + slope * ahead)[0]
    return np.minimum(np.stack([expected, low, high], axis=1), 1.0)


def _fit(
    place_r: np.ndarray, target_dr: np.ndarray, weights_r: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns level and slope of weighted straight lines, `[d, 1]`; no slope is positive."""
    weights = weights_r / weights_r.sum()
    centre, mean = weights @ place_r, (target_dr @ weights)[:, np.newaxis]
    spread = weights @ (place_r - centre) ** 2
    slope = ((target_dr - mean) * (place_r - centre)) @ weights / max(spread, 1e-12)
    slope = np.minimum(slope, 0.0)[:, np.newaxis]  # More labels do no harm in the long run.
    return mean - slope * centre, slope


def sentence(labels: np.ndarray, errors: np.ndarray, items: np.ndarray) -> str | None:
    """Returns the advice for the page; None with fewer than four points.

    For the arguments see `expected_errors`.
    """
    ahead = expected_errors(labels, errors, items)
    if ahead is None:
        return None
    parts = [
        f"{expected:.1%} after {count} more labels (95 % interval {low:.1%} to {high:.1%})"
        for count, (expected, low, high) in zip(AHEAD, ahead.tolist(), strict=True)
    ]
    return f"Test error {errors[-1]:.1%} now; expected {', '.join(parts)}."
