"""The published numbers of the paper and of its authors' stored results.

They are for comparison only: no run reads them. Table 1 and Table 2 are those
of Gal, Islam and Ghahramani, ICML 2017. All other numbers, and
`authors_curves.csv`, are means over the three runs in the authors' stored
results (github.com/Riashat/Active-Learning-Bayesian-Convolutional-Neural-
Networks): `figure1` and `figure2` from
FINAL_Averaged_Experiments/Final_Experiments_Run/RESULTS ANALYSIS; `table1`,
`query_rate_*` and `figure3` (two runs at most) from PAPER_SUBMISSION_RESULTS.
The numbers of Table 1 equal the first crossings of the mean curves in
Lower_Query_Rate_Q5, and the active learning rows of Table 2 equal the last
points of `figure1`.

The authors' test error is that of one pass without dropout. Their Mean STD is
the standard deviation of a single pass, so every score is 0 and they buy at
random; their variation ratios count votes. Their MBR is not that of Zhu et
al.: its kernel grows with the distance, and the classes enter as the numbers 2
and 8.
"""

import csv
import dataclasses
import functools
import importlib.resources
from collections.abc import Mapping

import numpy as np

from dbal_tf.reporting.curves import THRESHOLDS

AS_CODED = "the authors compute Mean STD from one pass: all scores are 0, so it is random"
ONE_VOTE = "the authors count the votes of a single pass: all scores are 0, so it is random"
OTHER_SETTINGS = (
    "the authors' deterministic max_entropy has 3x3 kernels, c = 3.5 and the whole pool of "
    "40,000, like the variant named 3x3"
)


RANDOM_SETTINGS = (
    "the authors' random has 3x3 kernels and c = 3.5, the techniques beside it 4x4 and c = 2.5"
)


@dataclasses.dataclass(frozen=True)
class Numbers:
    """The published numbers of one technique.

    Attributes:
        to_10: Labels at the first test error of at most 10 %; None: it was
            not reached.
        to_5: The same for 5 %.
        error_at_1000: Test error at 1000 labels, in %.
        defect: Why these numbers are not a target for ours; empty if they are.
    """

    to_10: int | None
    to_5: int | None
    error_at_1000: float | None = None
    defect: str = ""

    @property
    def crossings(self) -> dict[float, int | None]:
        """The published numbers of labels, by the test error that they reach."""
        return dict(zip(THRESHOLDS, (self.to_10, self.to_5), strict=True))


@dataclasses.dataclass(frozen=True)
class Published:
    """The published results of one protocol.

    Attributes:
        source: Where they were published.
        numbers: The published numbers of each technique.
        curves: The `curve` of `authors_curves.csv`; empty: none.
        not_counted: Number of initial labels, if the counts leave them out; else 0.
        classes: The classes that were told apart; empty: all.
        same_protocol: Whether the runs that are compared with them follow this
            protocol.
    """

    source: str
    numbers: Mapping[str, Numbers]
    curves: str = ""
    not_counted: int = 0
    classes: frozenset[str] = frozenset()
    same_protocol: bool = True


FIGURE1 = Published(
    "Table 2 (errors except mean_std); the rest: the authors' stored curves",
    {
        "random": Numbers(320, 880, 4.66, RANDOM_SETTINGS),
        "bald": Numbers(250, 370, 1.80),
        "var_ratios": Numbers(180, 340, 1.64),
        "max_entropy": Numbers(210, 370, 1.74),
        "mean_std": Numbers(280, 690, 4.13, AS_CODED),
    },
    "figure1",
)

FIGURE2_DETERMINISTIC = Published(
    "the authors' stored curves",
    {
        "bald": Numbers(300, 660, 3.93),
        "var_ratios": Numbers(280, 730, 4.02, ONE_VOTE),
        "max_entropy": Numbers(310, 540, 2.30, OTHER_SETTINGS),
        "mean_std": Numbers(330, 870, 4.45, AS_CODED),
    },
    "figure2",
)
FIGURE2_DETERMINISTIC_3X3 = Published(
    "the authors' stored curves", {"max_entropy": Numbers(310, 540, 2.30)}, "figure2"
)

# Counts of images bought: only these numbers leave out the initial labels.
_TABLE1 = {
    "random": Numbers(255, 835),
    "bald": Numbers(145, 335),
    "var_ratios": Numbers(120, 295),
    "max_entropy": Numbers(165, 355),
    "mean_std": Numbers(230, 695, defect=AS_CODED),
}
TABLE1_START20 = Published("Table 1", _TABLE1, "", not_counted=20, same_protocol=False)
TABLE1_START100 = Published("Table 1", _TABLE1, "table1", not_counted=100)


def _query_rate(curves: str, **numbers: Numbers) -> Published:
    return Published("the authors' stored curves", numbers, curves)


QUERY_RATE = {
    1: _query_rate(
        "query_rate_q1",
        bald=Numbers(241, 404, 2.35),
        var_ratios=Numbers(215, 341, 2.32),
        max_entropy=Numbers(188, 444, 2.36),
        mean_std=Numbers(307, 796, 4.78, AS_CODED),
    ),
    5: _query_rate(
        "table1",
        random=Numbers(355, 935, 4.99),
        bald=Numbers(245, 435, 2.19),
        var_ratios=Numbers(220, 395, 2.05),
        max_entropy=Numbers(265, 455, 2.37),
        mean_std=Numbers(330, 795, 4.62, AS_CODED),
    ),
    10: _query_rate(
        "query_rate_q10",
        bald=Numbers(250, 450, 2.10),
        var_ratios=Numbers(240, 440, 2.22),
        max_entropy=Numbers(250, 450, 2.45),
        mean_std=Numbers(300, 960, 4.92, AS_CODED),
    ),
    100: _query_rate(
        "query_rate_q100",
        bald=Numbers(300, 600, 2.22),
        var_ratios=Numbers(300, 500, 2.18),
        max_entropy=Numbers(300, 600, 2.51),
        mean_std=Numbers(400, None, 5.22, AS_CODED),
    ),
}


# Figure 3 is compared by its curves alone.
_TWO_DIGITS = frozenset({"2", "8"})
FIGURE3 = Published("the authors' stored curves", {}, "figure3", classes=_TWO_DIGITS)
FIGURE3_DETERMINISTIC = dataclasses.replace(FIGURE3, curves="figure3_deterministic")

# Test error in %, and its source, as the paper cites them; its authors did not run these
# systems. The rows of active learning are in FIGURE1.
TABLE2 = {
    "embedding": (5.73, "Semi-sup. embedding (Weston et al., 2012)"),
    "tsvm": (5.38, "Transductive SVM (Weston et al., 2012)"),
    "mtc": (3.64, "MTC (Rifai et al., 2011)"),
    "pseudo_label": (3.46, "Pseudo-label (Lee, 2013)"),
    "atlas_rbf": (3.68, "AtlasRBF (Pitelis et al., 2014)"),
    "dgn": (2.40, "DGN (Kingma et al., 2014)"),
    "ladder": (1.53, "Ladder network, Γ-model (Rasmus et al., 2015)"),
    "vat": (1.32, "Virtual adversarial (Miyato et al., 2015)"),
}
# Published by the systems' own authors; not in the paper.
TABLE2_VARIANTS = {
    "plain_pseudo_label": (4.30, "Pseudo-label without autoencoder (Lee, 2013)"),
    "full_ladder": (0.84, "Ladder network, all layers (Rasmus et al., 2015)"),
}
TABLE2_LABELS = 1000


def authors_curve(curves: str, acquisition: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the authors' mean curve, with fewer points than they stored.

    The points at the first crossings of 10 % and 5 % are kept, except in the
    curves of figure 3.

    Args:
        curves: A `curve` of `authors_curves.csv`.
        acquisition: The technique.

    Returns:
        Numbers of labels, int64 `[p]`, and errors, shares 0 to 1, float64
        `[1, p]`; None if there is no such curve.
    """
    rows = [row for row in _rows() if row["curve"] == curves and row.get(acquisition)]
    if not rows:
        return None
    errors = np.array([[float(row[acquisition]) / 100 for row in rows]])
    return np.array([int(row["labels"]) for row in rows]), errors


@functools.cache
def _rows() -> list[dict[str, str]]:
    file = importlib.resources.files("dbal_tf.experiments") / "authors_curves.csv"
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))
