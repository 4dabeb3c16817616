"""`--experiment=calibration`: how far the probabilities of each posterior can be trusted.

All posteriors are trained on the same labels, bought by random acquisition, so only the
posterior differs.
"""

from collections.abc import Sequence

from dbal_tf.config import POSTERIORS, Config
from dbal_tf.experiments import report
from dbal_tf.experiments.comparison import error_at, errors_at, mean_and_range
from dbal_tf.experiments.grid import Experiment, Result, Variant
from dbal_tf.experiments.groups import group_results
from dbal_tf.reporting import curves
from dbal_tf.reporting.curves import Line
from dbal_tf.reporting.page import Table

CHECKPOINTS = (100, 1000)
# Titles of the measures that are not fractions; fractions are shown in %.
_NUMBERS = {"nll": "NLL", "brier": "Brier"}


def by_posterior(config: Config, results: Sequence[Result]) -> Table:
    """Returns error, likelihood and calibration of each posterior at few and many labels."""
    del config
    rows = []
    for group in group_results(results):
        for count in CHECKPOINTS:
            error, ece = (errors_at(group.line_by(name), count) for name in ("error", "ece"))
            numbers = [_number(group.line_by(name), count) for name in _NUMBERS]
            rows.append([group.name, str(count), error, *numbers, ece])
    return Table(
        "Calibration by posterior",
        ["posterior", "labels", "error in %", *_NUMBERS.values(), "ECE in %"],
        rows,
        (
            "On the test images, by the mean of the posterior's samples; mean over the "
            "repetitions (minimum to maximum). NLL: mean negative log-likelihood of the true "
            "class, in nats. Brier: mean squared distance to the true class. ECE: expected "
            "calibration error over 15 bins.",
        ),
    )


def _number(line: Line, count: int) -> str:
    """Returns a cell: mean, minimum and maximum at a number of labels."""
    return mean_and_range(curves.by_repetition(line, error_at(count)), ".3f")


EXPERIMENT = Experiment(
    title="Calibration by posterior",
    report=report.write,
    variants=tuple(
        Variant(name, name, {"posterior": name}, techniques=("random",)) for name in POSTERIORS
    ),
    checkpoints=CHECKPOINTS,
    captions=(
        "deterministic is the trained network without dropout; laplace is a Gaussian around "
        "its last layer's weights. The two dropout posteriors use the same trained weights. "
        "Each member of an ensemble is trained like the network, so training takes that many "
        "times as long.",
    ),
    tables=(by_posterior,),
)
