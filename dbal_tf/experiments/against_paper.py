"""Tables that compare our results with the published ones."""

from collections.abc import Sequence

import numpy as np

from dbal_tf.config import Config
from dbal_tf.experiments.comparison import DASH, crossing, error_at, errors_at
from dbal_tf.experiments.grid import Experiment, Variant
from dbal_tf.experiments.groups import Group
from dbal_tf.experiments.paper import Published, authors_curve
from dbal_tf.reporting import curves
from dbal_tf.reporting.curves import Line
from dbal_tf.reporting.page import Table
from dbal_tf.reporting.uncertainty import t_half_width

ERROR_TOLERANCE = 0.3  # Percentage points.
LABELS_TOLERANCE = 0.1  # Fraction of all labels; the tolerance is at least one query.


def comparable(config: Config, group: Group) -> Published | None:
    """Returns the published results of a group's runs; None if they cannot be compared.

    They can be if the group's error is the network's, on the same images and classes.
    """
    return published_results(config, group.variant) if group.is_network else None


def published_results(config: Config, variant: Variant) -> Published | None:
    """Returns a variant's published results; None if images or classes differ from ours."""
    published = variant.published
    same = config.dataset == "mnist" and published and set(config.classes) == published.classes
    return published if same else None


def authors_errors(experiment: Experiment, config: Config, groups: Sequence[Group]) -> Table:
    """Returns the authors' curves at the report's numbers of labels, beside ours.

    It covers techniques without published numbers; `published_numbers` covers the others.
    """
    rows = []
    for group in groups:
        published = comparable(config, group)
        if not published or published.numbers:
            continue
        if curve := authors_curve(published.curves, group.acquisition):
            theirs = Line(*curve, (0,))
            for whose, line in (("ours", group.line), ("theirs", theirs)):
                errors = [errors_at(line, count) for count in experiment.checkpoints]
                rows.append([group.name, whose, *errors])
    return Table(
        "Test error (%), ours and the authors'",
        ["technique", "whose", *(f"at {count}" for count in experiment.checkpoints)],
        rows,
        ("Theirs: the means of the authors' stored curves, with dropout off.",),
    )


def published_numbers(config: Config, groups: Sequence[Group]) -> Table:
    """Returns our numbers beside the published ones; no rows if the images differ."""
    compared = [
        (group, published)
        for group in groups
        if (published := comparable(config, group)) and group.acquisition in published.numbers
    ]
    sources = dict.fromkeys((g.variant.title, published.source) for g, published in compared)
    alike = len({source for _, source in sources}) == 1
    named = [
        source if alike or not title else f"{title}: {source}" for title, source in sources
    ]
    defects = dict.fromkeys(p.numbers[group.acquisition].defect for group, p in compared)
    return Table(
        "Ours and the published numbers",
        [
            "technique",
            "what",
            "ours",
            "ours, dropout off",
            "theirs, dropout off",
            "difference, dropout off",
            "within tolerance",
        ],
        [row for group, published in compared for row in _against(group, published)],
        (
            f"Theirs: {'; '.join(dict.fromkeys(named))}. "
            f"Tolerance for a mean of three repetitions: {ERROR_TOLERANCE} points of error (a "
            "test error of 1.5 to 5 % on 10,000 images has a standard deviation of 0.12 to "
            f"0.22), or {100 * LABELS_TOLERANCE:.0f} % of their labels, including those of the "
            "start, but at least one query. Rounding on another machine can change a single "
            "repetition by as much. ±: half of the 95 % t interval of our mean, with theirs "
            "taken as exact, because their runs are not paired with ours. own: the mean of the "
            "repetitions' own first crossings, minus theirs, where it differs from the "
            "crossing of the mean curve. ± -: there is only one repetition, or all are equal, "
            "or one of them does not reach the error.",
            *(f"Not a target: {defect}." for defect in defects if defect),
        ),
    )


def _against(group: Group, published: Published) -> list[list[str]]:
    query = group.results[0].cell.config.acquisition_size
    numbers, start = published.numbers[group.acquisition], published.not_counted
    lines = (group.line, group.line_by("deterministic_error"))
    noun = "bought" if start else "labels"
    rows = []
    for threshold, theirs in numbers.crossings.items():
        if theirs is not None:
            ours = [curves.first_crossing(o.labels_p, o.mean_p, threshold) for o in lines]
            counts = [None if count is None else count - start for count in ours]
            # Errors are measured once per query, so smaller differences mean nothing.
            tolerance = max(LABELS_TOLERANCE * (theirs + start), query)
            what = f"{noun} to {100 * threshold:.0f} %"
            each = curves.by_repetition(lines[1], crossing(threshold)) - start
            cells = _compared(group, published, counts, theirs, tolerance, ".0f", each)
            rows.append([group.name, what, *cells])
    if numbers.error_at_1000 is not None:
        errors = [curves.error_at(o.labels_p, o.mean_p, 1000) for o in lines]
        percent = [None if error is None else 100 * error for error in errors]
        each = 100 * curves.by_repetition(lines[1], error_at(1000))
        target = numbers.error_at_1000
        cells = _compared(group, published, percent, target, ERROR_TOLERANCE, ".2f", each)
        rows.append([group.name, "error (%) at 1000", *cells])
    return rows


def _compared(
    group: Group,
    published: Published,
    ours: Sequence[float | None],
    theirs: float,
    tolerance: float,
    form: str,
    each: np.ndarray,
) -> list[str]:
    # ours[1] is without dropout, as the authors measure.
    shown = [DASH if value is None else format(value, form) for value in ours]
    if ours[1] is None:
        reached = "not reached" if group.is_finished else "not finished"
        return [*shown, format(theirs, form), DASH, reached]
    difference = ours[1] - theirs
    if published.numbers[group.acquisition].defect:
        word = "not a target"
    else:
        word = verdict(difference, tolerance) if published.same_protocol else "other protocol"
    half = t_half_width(each)
    is_known = half is not None and np.ptp(each) > 0
    width = f"± {format(half, form) if is_known else DASH}"
    shown_difference = f"{difference:+{form}}"
    # The first crossing of the mean curve is not the mean of the repetitions' first
    # crossings, which the interval is computed from.
    if half is not None and abs((own := float(np.mean(each)) - theirs) - difference) > 1e-9:
        width = f"(own: {own:+{form}} {width})"
    return [*shown, format(theirs, form), f"{shown_difference} {width}", word]


def verdict(difference: float, tolerance: float) -> str:
    """Returns "yes", or "no" and whether ours is better or worse."""
    if abs(difference) <= tolerance + 1e-9:
        return "yes"
    return "no, better" if difference < 0 else "no, worse"
