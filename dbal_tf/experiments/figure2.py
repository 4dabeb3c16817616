"""`--experiment=figure2`: a Bayesian network against a deterministic one.

The authors' two curves of max_entropy differ in more than the posterior. The
variants named 3x3 have the settings of their deterministic curve, so that the
posterior and the settings can be told apart.
"""

from collections.abc import Sequence

from dbal_tf.config import Config
from dbal_tf.experiments import paper, report
from dbal_tf.experiments.against_paper import published_results
from dbal_tf.experiments.comparison import DASH, crossing_cell, errors_at
from dbal_tf.experiments.grid import Experiment, Result, Variant
from dbal_tf.experiments.groups import group_results
from dbal_tf.reporting.curves import THRESHOLDS, Line
from dbal_tf.reporting.page import Table

# Settings of the authors' script that writes their deterministic curve of max_entropy.
SETTINGS_3X3 = {
    "kernel_size": 3,
    "weight_decay": "3.5",
    "initializer": "early_keras",
    "pool_size": 40_000,
    "pool_subset": 0,
}
CHECKPOINTS = (100, 300, 500, 1000)
# The only technique of their deterministic network that does not buy at random.
COMPARED = "max_entropy"

VARIANTS = (
    # Each variant names its posterior, so --posterior has no effect.
    Variant("mc_dropout", "Bayesian", {"posterior": "mc_dropout"}, paper.FIGURE1),
    Variant(
        "deterministic",
        "deterministic",
        {"posterior": "deterministic"},
        paper.FIGURE2_DETERMINISTIC,
    ),
    Variant(
        "mc_dropout_3x3",
        "Bayesian, 3x3",
        {"posterior": "mc_dropout", **SETTINGS_3X3},
        techniques=(COMPARED,),
        baseline="mc_dropout",
    ),
    Variant(
        "deterministic_3x3",
        "deterministic, 3x3",
        {"posterior": "deterministic", **SETTINGS_3X3},
        paper.FIGURE2_DETERMINISTIC_3X3,
        techniques=(COMPARED,),
        baseline="deterministic",
    ),
)


def posterior_by_settings(config: Config, results: Sequence[Result]) -> Table:
    """Returns max_entropy by posterior and settings, ours and the authors'.

    Settings without a run have a row of dashes; without any run of max_entropy
    there are no rows.
    """
    lines = {
        group.variant.folder: group.line_by("deterministic_error")
        for group in group_results(results)
        if group.acquisition == COMPARED and group.is_network
    }
    rows = []
    for variant in VARIANTS if lines else ():
        rows.append([variant.title, "ours", *_cells(lines.get(variant.folder))])
        published = published_results(config, variant)
        if published and not published.numbers[COMPARED].defect:
            curve = paper.authors_curve(published.curves, COMPARED)
            rows.append([variant.title, "theirs", *_cells(curve and Line(*curve, (0,)))])
    return Table(
        f"Posterior by settings: {COMPARED}, dropout off",
        [
            *("network", "whose"),
            *(f"error at {count}" for count in CHECKPOINTS),
            *(f"labels to {100 * threshold:.0f} %" for threshold in THRESHOLDS),
        ],
        rows,
        (
            "Test error in %, mean over the repetitions (minimum to maximum), and first "
            "crossings of the mean curve (in brackets: of the repetitions). 3x3: with the "
            "settings of the authors' deterministic curve; the others have those of their "
            "Bayesian curve. Theirs: their stored curves, each below the network with the same "
            "settings. The table of paired differences has errors with the posterior that "
            "chose the images.",
        ),
    )


def _cells(line: Line | None) -> list[str]:
    if line is None:
        return [DASH] * (len(CHECKPOINTS) + len(THRESHOLDS))
    return [
        *(errors_at(line, count) for count in CHECKPOINTS),
        *(crossing_cell(line, threshold) for threshold in THRESHOLDS),
    ]


EXPERIMENT = Experiment(
    title="Figure 2: Bayesian against deterministic network",
    report=report.write,
    variants=VARIANTS,
    panels="acquisition",
    captions=(
        "The deterministic BALD is random. With a single set of weights there is no mutual "
        "information between label and weights: every score is exactly 0, and ties are broken "
        "at random. With the same seed it buys the same images as deterministic random.",
        "The deterministic variation ratio, 1 - max p, is least confidence. The authors count "
        "the votes of a single pass instead, so every score is 0 and they buy at random.",
        "3x3: the settings of the authors' deterministic max_entropy: 3x3 kernels, c = 3.5, "
        "the initial weights of early Keras, and scores of a whole pool of 40,000. Their "
        "Bayesian curve has 4x4 kernels, c = 2.5 and scores of a random 2000.",
    ),
    tables=(posterior_by_settings,),
)
