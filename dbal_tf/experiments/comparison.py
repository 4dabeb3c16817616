"""Tables that compare the techniques of an experiment with each other."""

from collections.abc import Sequence

import numpy as np

from dbal_tf.experiments.grid import Experiment
from dbal_tf.experiments.groups import Group
from dbal_tf.reporting import curves
from dbal_tf.reporting.curves import Line
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.uncertainty import CONFIDENCE, corrected_half_width

DASH = "-"


def summary(experiment: Experiment, groups: Sequence[Group]) -> Table:
    """Returns errors, first crossings and mean errors of all techniques."""
    end, thresholds = max(group.last for group in groups), experiment.thresholds
    checkpoints = [*(count for count in experiment.checkpoints if count < end), end]
    common = mean_range(experiment, groups)
    header = [
        "technique",
        "runs",
        *(f"error at {count}" for count in checkpoints),
        *(f"first ≤ {100 * threshold:.0f} %" for threshold in thresholds),
        "mean error, {} to {}".format(*common),
        "at the end, dropout off",
    ]
    return Table(
        "Test error (%) and labels",
        header,
        [_summary_row(group, common, checkpoints, thresholds) for group in groups],
        (
            "Mean over the repetitions (minimum to maximum). Between two rounds, the error is "
            "that of the earlier one. first ≤: the number of labels at which the mean curve "
            "first reaches the error (in brackets: at which the repetitions do); a curve may "
            "rise again. Mean error: the area under the curve between two numbers of labels, "
            "with straight lines from round to round, divided by their difference. "
            "Dropout off: one pass without dropout, as in the authors' code.",
        ),
    )


def mean_range(experiment: Experiment, groups: Sequence[Group]) -> tuple[int, int]:
    """Returns the numbers of labels between which mean errors are taken."""
    # Early labels lower the error most, so means over different ranges of labels
    # would tell where the curves begin rather than how good they are.
    return experiment.mean_over or (
        max(int(group.line.labels_p[0]) for group in groups),
        min(group.last for group in groups),
    )


def _summary_row(
    group: Group,
    common: tuple[int, int],
    checkpoints: Sequence[int],
    thresholds: Sequence[float],
) -> list[str]:
    line = group.line
    areas = [curves.mean_error(line.labels_p, e, *common) for e in line.errors_rp]
    return [
        group.name,
        str(len(line.repetitions)),
        *(errors_at(line, count) for count in checkpoints),
        *(crossing_cell(line, threshold) for threshold in thresholds),
        spread([area for area in areas if area is not None]),
        # The harmonic solution has no dropout.
        errors_at(group.line_by("deterministic_error"), group.last)
        if group.is_network
        else DASH,
    ]


def errors_at(line: Line, count: int) -> str:
    """Returns a cell: mean, minimum and maximum error in % at a number of labels.

    It is a dash if the line does not reach that far.
    """
    return mean_and_range(100 * curves.by_repetition(line, error_at(count)), ".2f")


def spread(errors: Sequence[float]) -> str:
    """Returns a cell: mean, minimum and maximum of errors, 0 to 1, in %; of none, a dash."""
    return mean_and_range(100 * np.array(errors), ".2f")


def mean_and_range(values: np.ndarray, form: str) -> str:
    """Returns a cell: mean, minimum and maximum in a format like `.2f`; of none, a dash."""
    if not len(values):
        return DASH
    several = f" ({values.min():{form}} to {values.max():{form}})" if len(values) > 1 else ""
    return f"{values.mean():{form}}{several}"


def crossing_cell(line: Line, threshold: float) -> str:
    """Returns a cell: first crossing of the mean curve, and the repetitions' range.

    It is a dash if the mean curve does not reach the error.
    """
    count = curves.first_crossing(line.labels_p, line.mean_p, threshold)
    each = [curves.first_crossing(line.labels_p, e, threshold) for e in line.errors_rp]
    if count is None:
        return DASH
    reached = [one for one in each if one is not None]
    # A range over some repetitions would hide that others do not reach the error.
    is_shown = len(reached) == len(each) > 1
    several = f" ({min(reached)} to {max(reached)})" if is_shown else ""
    return f"{count}{several}"


def saved(experiment: Experiment, groups: Sequence[Group]) -> Table:
    """Returns how many labels each technique saves against random at equal error.

    Each is compared with random of its own variant or, if there is none, of the
    variant's baseline. Only the network's errors are compared.
    """
    # Only mbr runs measure the harmonic solution, so it cannot be compared with random.
    networks = [group for group in groups if group.is_network]
    random = {g.variant.folder: g for g in networks if g.acquisition == "random"}
    rows = []
    for group in networks:
        own = random.get(group.variant.folder)
        baseline = own or random.get(group.variant.baseline)
        if baseline and group is not baseline:
            thresholds = (*experiment.thresholds, None)
            rows.append([group.name, *(_saved(group, baseline, t) for t in thresholds)])
    return Table(
        "Labels saved against random at equal error",
        [
            "technique",
            *(f"at {100 * threshold:.0f} %" for threshold in experiment.thresholds),
            "at the error that random ends with",
        ],
        rows,
        (
            "Labels saved, of those that random needs, by first crossings of the mean curves "
            "over the common repetitions. >: random does not reach the error. A dash: the "
            "technique does not reach it, or random is not finished. In brackets: the mean of "
            f"what each pair of repetitions saves, ± {of_half_width(groups)}. No brackets: a "
            "run of some pair does not reach the error.",
        ),
    )


def _saved(group: Group, baseline: Group, threshold: float | None) -> str:
    """Returns a cell; without a threshold, at the error that the baseline ends with."""
    pair = group.line, baseline.line
    common = [r for r in group.line.repetitions if r in baseline.line.repetitions]
    # The final error of an unfinished random run is unknown, and it may still reach
    # the threshold.
    if not common or not baseline.is_finished:
        return DASH
    if threshold is None:
        threshold = float(baseline.line.select(common).mean_p[-1])
    ours, needed = (
        curves.first_crossing(line.labels_p, line.select(common).mean_p, threshold)
        for line in pair
    )
    last = int(baseline.line.labels_p[-1])
    # If random ended with fewer labels than ours needed, their order is unknown.
    if ours is None or (needed is None and last < ours):
        return DASH
    if needed is None:
        return f"> {last - ours} of > {last}"
    each = -curves.paired_differences(*pair, crossing(threshold))
    several = with_interval(each, ".0f", group.test_to_train)
    return f"{needed - ours} of {needed}" + f" ({several})" * bool(len(each))


def crossing(threshold: float) -> curves.Statistic:
    """Returns a statistic: the first number of labels at which a curve reaches an error."""
    return lambda labels_p, errors_p: curves.first_crossing(labels_p, errors_p, threshold)


def error_at(count: int) -> curves.Statistic:
    """Returns a statistic: the error of a curve at a number of labels."""
    return lambda labels_p, errors_p: curves.error_at(labels_p, errors_p, count)


def of_half_width(groups: Sequence[Group]) -> str:
    """Returns what stands behind ± in tables of paired differences."""
    has_folds = any(group.test_to_train for group in groups)
    corrected = ", corrected for the training images that folds share (Nadeau and Bengio, 2003)"
    return (
        f"half of the {100 * CONFIDENCE:.0f} % t interval of this mean{corrected * has_folds}; "
        "± -: there is only one pair, or all pairs are equal"
    )


def with_interval(values: np.ndarray, form: str, test_to_train: float = 0.0) -> str:
    """Returns a cell: the mean and half of its 95 % t interval; of none, a dash.

    A dash is shown in the place of the half width if one value or equal values do not
    show how they vary: labels to an error are multiples of the query's size.

    Args:
        values: A value of each run, or of each pair of runs, `[n]`.
        form: How numbers are written, such as `+.2f`.
        test_to_train: See `uncertainty.corrected_half_width`.
    """
    if not len(values):
        return DASH
    # Compared before rounding makes the deviation of equal values a little more than 0.
    half = corrected_half_width(values, test_to_train) if np.ptp(values) else None
    # Half of an interval has no sign.
    width = DASH if half is None else format(half, form.lstrip("+"))
    return f"{format(np.mean(values), form)} ± {width}"
