"""The runs of an experiment, put together by what they repeat."""

import dataclasses
import functools
from collections.abc import Sequence

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.experiments.grid import Result, Variant
from dbal_tf.reporting import curves
from dbal_tf.reporting.curves import Line

CLASSIFIERS = {
    "error": "",
    "graph_error": "harmonic",
    "graph_mass_error": "class masses",
}


@dataclasses.dataclass(frozen=True)
class Group:
    """The repetitions of one technique under one variant that have begun.

    Its line is made of the finished ones; of all as long as none is.

    Attributes:
        results: Its runs.
        measure: What of an `Evaluation` is its error: that of the network, or
            that of the harmonic solution on the same labels.
    """

    results: tuple[Result, ...]
    measure: str = "error"

    @property
    def name(self) -> str:
        """Variant, technique, and the classifier unless it is the network."""
        return ", ".join(filter(None, (self.results[0].cell.name, CLASSIFIERS[self.measure])))

    @property
    def variant(self) -> Variant:
        """What all its runs belong to."""
        return self.results[0].cell.variant

    @property
    def acquisition(self) -> str:
        """The technique."""
        return self.results[0].cell.acquisition

    @property
    def counted(self) -> dict[int, list[CurvePoint]]:
        """The curves that its line is made of, by repetition."""
        finished = [result for result in self.results if result.is_finished]
        return {
            r.cell.config.repetition: _by(self.measure, r.curve)
            for r in finished or self.results
        }

    @property
    def curves(self) -> list[list[CurvePoint]]:
        """The curves of all its runs."""
        return [_by(self.measure, result.curve) for result in self.results]

    @property
    def is_finished(self) -> bool:
        """Whether its line is made of finished runs."""
        return any(result.is_finished for result in self.results)

    @property
    def last(self) -> int:
        """The number of labels at the end."""
        config = self.results[0].cell.config
        return self.results[0].curve[0].labels + config.rounds * config.acquisition_size

    @functools.cached_property
    def line(self) -> Line:
        """Errors of the posterior's mean, as in the paper's text."""
        return curves.line_of(self.counted)

    @functools.cached_property
    def deterministic(self) -> Line:
        """Errors of one pass without dropout, as in the authors' code."""
        return curves.line_of(self.counted, "deterministic_error")


def _by(measure: str, curve: list[CurvePoint]) -> list[CurvePoint]:
    """A curve with a measure in place of the error."""
    if measure == "error":
        return curve

    def changed(evaluation: Evaluation) -> Evaluation:
        error = getattr(evaluation, measure)
        return dataclasses.replace(evaluation, error=error, deterministic_error=error)

    return [dataclasses.replace(p, evaluation=changed(p.evaluation)) for p in curve]


def groups_of(results: Sequence[Result]) -> list[Group]:
    """Returns what has begun, by variant, technique and classifier."""
    by_name: dict[str, list[Result]] = {}
    for result in results:
        if result.curve:
            by_name.setdefault(result.cell.name, []).append(result)
    return [
        Group(tuple(of_name), measure)
        for measure in CLASSIFIERS
        for of_name in by_name.values()
        if all(getattr(r.curve[0].evaluation, measure) is not None for r in of_name)
    ]


def curves_by_name(results: Sequence[Result]) -> dict[str, list[list[CurvePoint]]]:
    """Returns the curves of the runs that have begun, by the names of their groups."""
    return {group.name: group.curves for group in groups_of(results)}
