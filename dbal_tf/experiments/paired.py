"""Tables on chance: paired differences between techniques, and the noise of a single fit."""

import itertools
from collections.abc import Sequence

from dbal_tf.experiments.comparison import (
    DASH,
    crossing,
    error_at,
    mean_range,
    of_half_width,
    with_interval,
)
from dbal_tf.experiments.grid import Experiment
from dbal_tf.experiments.groups import Group
from dbal_tf.reporting import curves
from dbal_tf.reporting.curves import Statistic
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.uncertainty import von_neumann_deviation

WINDOW = 100  # Labels; the least that gives ten pairs of neighbours at ten per query.
_FEWEST = 5  # Pairs of neighbours in a window; with fewer, rounds are too far apart.


def differences(experiment: Experiment, panels: Sequence[Sequence[Group]]) -> Table:
    """Returns paired differences between the techniques of each panel.

    A pair is a repetition that both have: the same split and first labels.
    """
    # Random is in several panels, but each pair is shown once.
    pairs: dict[frozenset[str], tuple[Group, Group]] = {}
    for panel in panels:
        for one, other in itertools.combinations(panel, 2):
            pairs.setdefault(frozenset((one.name, other.name)), (one, other))
    groups = [group for panel in panels for group in panel]
    columns = _statistics(experiment, groups)
    rows = []
    for one, other in pairs.values():
        common = set(one.line.repetitions) & set(other.line.repetitions)
        cells = [_cell(one, other, *column) for column in columns.values()]
        if set(cells) != {DASH}:
            rows.append([f"{one.name} - {other.name}", str(len(common)), *cells])
    return Table(
        "Paired differences",
        ["difference", "pairs", *columns],
        rows,
        (
            "Errors in points; labels to an error as numbers of labels, by first crossings. A "
            "pair is the same repetition of both: they have the same split and first labels, "
            "and in rounds of the same number the same initial weights and masks, except for "
            "rounding on another machine or by another commit. Negative: the first is better. "
            f"Mean over the pairs ± {of_half_width(groups)}. A dash: some "
            "repetition does not reach the error or the number of labels.",
        ),
    )


def same_technique(groups: Sequence[Group]) -> list[list[Group]]:
    """Returns the variants of each technique that begin with equally many labels.

    Only these share their first labels, and so have pairs.
    """
    alike: dict[tuple[str, int], list[Group]] = {}
    for group in groups:
        if group.is_network:
            start = group.results[0].curve[0].labels
            alike.setdefault((group.acquisition, start), []).append(group)
    return list(alike.values())


def _statistics(
    experiment: Experiment, groups: Sequence[Group]
) -> dict[str, tuple[Statistic, float, str]]:
    """Returns what is compared, by its name: the statistic, its factor and its format."""
    if not groups:
        return {}
    first, last = mean_range(experiment, groups)
    columns: dict[str, tuple[Statistic, float, str]] = {
        f"error at {count}": (error_at(count), 100, "+.2f")
        for count in _checkpoints(experiment, groups)
    }
    columns[f"mean error, {first} to {last}"] = (_mean_error(first, last), 100, "+.2f")
    for threshold in experiment.thresholds:
        name = f"labels to {100 * threshold:.0f} %"
        columns[name] = (crossing(threshold), 1, "+.0f")
    return columns


def _checkpoints(experiment: Experiment, groups: Sequence[Group]) -> list[int]:
    end = max(group.last for group in groups)
    return [*(count for count in experiment.checkpoints if count < end), end]


def _mean_error(first: int, last: int) -> Statistic:
    return lambda labels_p, errors_p: curves.mean_error(labels_p, errors_p, first, last)


def _cell(one: Group, other: Group, statistic: Statistic, factor: float, form: str) -> str:
    values = curves.paired_differences(one.line, other.line, statistic)
    return with_interval(factor * values, form, one.test_to_train)


def single_fits(experiment: Experiment, groups: Sequence[Group]) -> Table:
    """Returns by how much the error of a single fit varies, estimated from the curves.

    It uses von Neumann's estimator: neighbouring rounds have nearly the same labels,
    but different initial weights.
    """
    counts = _checkpoints(experiment, groups)
    # The harmonic solution is not fitted from random weights.
    rows = [
        [group.name, *(_deviation(group, count) for count in counts)]
        for group in groups
        if group.is_network
    ]
    return Table(
        "A single fit's standard deviation, in points",
        ["technique", *(f"at {count}" for count in counts)],
        [row for row in rows if set(row[1:]) != {DASH}],
        (
            "How much the error varies if the network is fitted again to the same labels with "
            "another seed; the difference of two single fits varies √2 times as much. Von "
            "Neumann's estimator: the square root of half the mean squared difference of "
            f"neighbouring rounds, over all repetitions and the {WINDOW} labels around the "
            "number. The slope of a falling curve adds to it, so the early values are upper "
            "bounds. A dash: the curve does not include this number of labels, or has fewer "
            f"than {_FEWEST} pairs of neighbouring rounds there.",
        ),
    )


def _deviation(group: Group, count: int) -> str:
    errors_rp = curves.around(group.line, count, WINDOW)
    if errors_rp.shape[1] <= _FEWEST:
        return DASH
    deviation = von_neumann_deviation(100 * errors_rp)
    return DASH if deviation is None else f"{deviation:.2f}"
