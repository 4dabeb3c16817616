"""How runs on a rare class compare: positives that they bought, and differences to random."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence

import numpy as np

from dbal_tf.config import Config
from dbal_tf.config.data import class_counts
from dbal_tf.experiments.comparison import DASH
from dbal_tf.experiments.grid import Result
from dbal_tf.experiments.groups import Group
from dbal_tf.reporting.curves import Line
from dbal_tf.reporting.measure_plots import Series
from dbal_tf.reporting.uncertainty import corrected_half_width, t_half_width
from dbal_tf.store.bought import read_bought

POSITIVE = 1
"""The index of the positive class; there are two classes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """A technique, and random under the same variant.

    Attributes:
        group: Its runs, each with at least one round.
        random: The runs of random; None if there are none.
    """

    group: Group
    random: Group | None

    @property
    def has_pairs(self) -> bool:
        """Whether it is not random itself, and shares a repetition with random."""
        if self.random is None or self.random is self.group:
            return False
        return bool(self.group.counted.keys() & self.random.counted.keys())

    def line(self, measure: str) -> Line:
        """Returns the line by a measure of `Evaluation`, or by `positives`, those bought."""
        return _line(self.group, measure)

    def mean(self, measure: str) -> Series:
        """Returns the means over the runs; NaN where a run lacks the measure."""
        line = self.line(measure)
        return Series(line.labels_p, line.mean_p, np.full(len(line.labels_p), np.nan))

    def minus_random(self, measure: str) -> Series:
        """Returns mean differences within pairs and half their corrected 95 % intervals."""
        labels_p, differences_rp = self.differences(measure)
        halves = [corrected_half_width(d, self.group.test_to_train) for d in differences_rp.T]
        return Series(
            labels_p,
            differences_rp.mean(axis=0)
            if len(differences_rp)
            else np.full(len(labels_p), np.nan),
            np.array([math.nan if half is None else half for half in halves]),
        )

    def differences(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns common numbers of labels `[p]`, and differences to random `[r, p]`.

        A pair is a repetition of both, with the same split and first labels. There must
        be pairs.
        """
        ours, theirs = self.line(measure), _line(self.random or self.group, measure)
        labels_p = np.intersect1d(ours.labels_p, theirs.labels_p)
        common = [r for r in ours.repetitions if r in theirs.repetitions]
        both = [
            one.select(common).errors_rp[:, np.isin(one.labels_p, labels_p)]
            for one in (ours, theirs)
        ]
        return labels_p, both[0] - both[1]


def compared(groups: Sequence[Group]) -> list[Compared]:
    """Returns the techniques of each variant, beside the variant's random."""
    random = {g.variant.folder: g for g in groups if g.acquisition == "random"}
    networks = [group for group in groups if group.is_network]
    return [Compared(g, random.get(g.variant.folder)) for g in networks]


def positive_name(config: Config) -> str:
    """Returns the name of the positive class, if the settings name it."""
    counted = sorted(class_counts("initial_counts", config.initial_counts))
    names = config.classes or config.class_names or tuple(counted)
    return names[POSITIVE] if len(names) == 2 else f"class {POSITIVE}"


def first_queries(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    """Returns how many runs asked for an item in their first query, by technique and item."""
    asked: dict[str, dict[str, int]] = {}
    for result in results:
        if len(result.curve) > 1:
            start, end = result.curve[0].labels, result.curve[1].labels
            ids = read_bought(pathlib.Path(result.cell.config.run_dir)).labels.ids[start:end]
            of_technique = asked.setdefault(result.cell.acquisition, {})
            for item in ids.tolist():
                of_technique[item] = of_technique.get(item, 0) + 1
    return asked


def classes_of(results: Sequence[Result]) -> dict[str, int]:
    """Returns the class of each item that a run bought."""
    classes: dict[str, int] = {}
    for result in results:
        labels = read_bought(pathlib.Path(result.cell.config.run_dir)).labels
        classes |= dict(zip(labels.ids.tolist(), labels.classes.tolist(), strict=True))
    return classes


def interval_cell(values: np.ndarray, test_to_train: float, form: str) -> str:
    """Returns a cell: mean ± half of its corrected 95 % interval (± half of the plain one)."""
    if not len(values) or not np.isfinite(values).all():
        return DASH
    halves = corrected_half_width(values, test_to_train), t_half_width(values)
    corrected, plain = (DASH if h is None else format(h, form.lstrip("+")) for h in halves)
    return f"{format(values.mean(), form)} ± {corrected} (± {plain})"


def _line(group: Group, measure: str) -> Line:
    if measure != "positives":
        return group.line_by(measure)
    results = {result.cell.config.repetition: result for result in group.results}
    labels_p = group.line.labels_p
    rows = []
    for repetition in group.line.repetitions:
        folder = pathlib.Path(results[repetition].cell.config.run_dir)
        found = np.cumsum(read_bought(folder).labels.classes == POSITIVE)
        rows.append(found[labels_p - 1])
    shape = len(rows), len(labels_p)
    return Line(labels_p, np.array(rows, np.float64).reshape(shape), group.line.repetitions)
