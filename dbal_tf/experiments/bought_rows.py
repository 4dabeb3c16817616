"""Fits on labels that active learning bought, for comparison with balanced labels."""

import json
import pathlib
from collections.abc import Collection

import numpy as np

from dbal_tf.config import SEMI_SUPERVISED, VARIANTS, Config
from dbal_tf.core import InputError
from dbal_tf.experiments.comparison import DASH, of_half_width, spread, with_interval
from dbal_tf.experiments.fit_result import FitResult, read_result
from dbal_tf.reporting.page import Table

BOUGHT_DIR = "bought"
BALANCED = "balanced, random"

_Row = tuple[str, str, int, str]  # System, schedule, number of labels, hyper-parameters.
_Fit = tuple[int, str]  # Its seed, and the run that bought its labels.


def read_bought_fits(config: Config) -> list[FitResult]:
    """Returns the ended fits in `<run_dir>/bought/<any name>/<system>/<repetition>`.

    Raises:
        InputError: A fit is of another data set, its labels were not bought, or it
            cannot be read.
    """
    folder = pathlib.Path(config.run_dir, BOUGHT_DIR)
    results = []
    for path in sorted(folder.glob("*/*/[0-9]*")):
        if result := read_result(path):
            if result.dataset != config.dataset or not result.bought_by:
                labels = "labels that were bought" if result.bought_by else "balanced labels"
                raise InputError(
                    f"{path} holds a fit of --dataset={result.dataset} on {labels}; expected "
                    f"--dataset={config.dataset} and --labels_from; move it elsewhere."
                )
            results.append(result)
    return results


def labels_table(results: Collection[FitResult]) -> Table:
    """Returns a row for each system and origin of its labels, paired by seed.

    A system with other hyper-parameters is another system. Systems whose labels all have
    the same origin have no rows.

    Args:
        results: Fits on balanced labels and on labels that were bought.
    """
    by_row: dict[_Row, dict[str, dict[_Fit, float]]] = {}
    for result in results:
        values = json.dumps(result.hyper_parameters, sort_keys=True)
        key = result.system, result.schedule, result.labels, values
        # The technique. Its runs share a row, whatever their repetitions and seeds.
        origin = result.bought_by.split(",")[0] or BALANCED
        fit = result.seed, result.bought_by
        by_row.setdefault(key, {}).setdefault(origin, {})[fit] = result.error
    rows = []
    order = (*SEMI_SUPERVISED, *VARIANTS)
    for key in sorted(by_row, key=lambda one: (order.index(one[0]), one)):
        origins = by_row[key]
        if len(origins) > 1:
            balanced = origins.pop(BALANCED, {})
            first = {BALANCED: balanced} if balanced else {}
            for origin, errors in (first | origins).items():
                rows.append(_row(key, origin, errors, balanced))
    return Table(
        "The same systems on labels that active learning bought",
        [
            *("system", "schedule", "labels", "labels from", "runs", "test error (%)"),
            *("pairs", "minus balanced"),
        ],
        rows,
        (
            "Mean over the fits (minimum to maximum). Difference in points, between the means "
            f"of the fits of each seed: mean over the seeds ± {of_half_width([])}. "
            "Negative: the labels that were bought are better. Fits with other "
            "hyper-parameters have separate rows and make no pairs.",
        ),
    )


def _row(
    key: _Row,
    origin: str,
    errors: dict[_Fit, float],
    balanced: dict[_Fit, float],
) -> list[str]:
    system, schedule, labels, _ = key
    cells = [system, schedule, str(labels), origin, str(len(errors))]
    error = spread(list(errors.values()))
    if origin == BALANCED:
        return [*cells, error, DASH, DASH]
    by_seed: dict[int, list[float]] = {}
    for (seed, _), one in errors.items():
        by_seed.setdefault(seed, []).append(one)
    pairs = [
        100 * (np.mean(by_seed[seed]) - one)
        for (seed, _), one in balanced.items()
        if seed in by_seed
    ]
    return [*cells, error, str(len(pairs)), with_interval(np.array(pairs), "+.2f")]
