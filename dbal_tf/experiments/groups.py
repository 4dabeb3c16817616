"""The runs of an experiment, grouped into the lines of its report."""

import dataclasses
import functools
from collections.abc import Sequence

from dbal_tf.artifacts import CurvePoint
from dbal_tf.experiments.grid import Result, Variant
from dbal_tf.reporting.curves import Line

CLASSIFIERS = {
    "error": "",
    "graph_error": "harmonic",
    "graph_mass_error": "class masses",
}
"""The measures that have a line, and the classifier of each; empty: the network."""


@dataclasses.dataclass(frozen=True)
class Group:
    """The repetitions of one technique under one variant, by one measure.

    Attributes:
        results: Its runs, each with at least one round.
        measure: The field of `Evaluation` that is the error: `error` of the
            network, `graph_error` or `graph_mass_error` of the harmonic
            solution on the same labels.
    """

    results: tuple[Result, ...]
    measure: str = "error"

    @property
    def name(self) -> str:
        """Variant, technique, and the classifier unless it is the network."""
        return ", ".join(filter(None, (self.results[0].cell.name, CLASSIFIERS[self.measure])))

    @property
    def is_network(self) -> bool:
        """Whether the error is the network's."""
        return not CLASSIFIERS[self.measure]

    @property
    def variant(self) -> Variant:
        """The variant that all its runs belong to."""
        return self.results[0].cell.variant

    @property
    def acquisition(self) -> str:
        """The technique."""
        return self.results[0].cell.acquisition

    @property
    def counted(self) -> dict[int, list[CurvePoint]]:
        """The curves that its line is made of, by repetition."""
        # A line ends where its shortest curve ends, so an unfinished run would hide
        # the later rounds of all others.
        finished = [result for result in self.results if result.is_finished]
        return {r.cell.config.repetition: r.curve for r in finished or self.results}

    @property
    def seconds(self) -> float:
        """The total wall time of the runs in its line."""
        points = (point for curve in self.counted.values() for point in curve)
        return sum(sum(point.seconds.values()) for point in points)

    @property
    def is_finished(self) -> bool:
        """Whether its line is made of finished runs."""
        return any(result.is_finished for result in self.results)

    @property
    def test_to_train(self) -> float:
        """Test images per training image, if the repetitions are folds; else 0."""
        folds = self.results[0].cell.config.folds
        return 1 / (folds - 1) if folds > 1 else 0.0

    @property
    def last(self) -> int:
        """The number of labels at the end of a finished run."""
        config = self.results[0].cell.config
        return self.results[0].curve[0].labels + config.rounds * config.acquisition_size

    @functools.cached_property
    def line(self) -> Line:
        """The line by the group's own measure."""
        return self.line_by(self.measure)

    def line_by(self, measure: str) -> Line:
        """Returns the line of the same runs by another measure.

        Args:
            measure: The field of `Evaluation` that is the error, such as
                `deterministic_error`: the network's without dropout, as in the
                authors' code.
        """
        return Line.from_curves(self.counted, measure)


def group_results(results: Sequence[Result]) -> list[Group]:
    """Returns the runs that have begun, grouped by measure, variant and technique."""
    return [
        Group(tuple(of_name), measure)
        for measure in CLASSIFIERS
        for of_name in _begun_by_name(results).values()
        if all(getattr(r.curve[0].evaluation, measure) is not None for r in of_name)
    ]


def curves_by_name(results: Sequence[Result]) -> dict[str, list[list[CurvePoint]]]:
    """Returns the curves of the runs that have begun, by variant and technique."""
    return {
        name: [result.curve for result in of_name]
        for name, of_name in _begun_by_name(results).items()
    }


def _begun_by_name(results: Sequence[Result]) -> dict[str, list[Result]]:
    by_name: dict[str, list[Result]] = {}
    for result in results:
        if result.curve:
            by_name.setdefault(result.cell.name, []).append(result)
    return by_name
