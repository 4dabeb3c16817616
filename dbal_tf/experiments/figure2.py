"""`--experiment=figure2`: a Bayesian network against a deterministic one."""

from dbal_tf.experiments import paper, report
from dbal_tf.experiments.grid import Experiment, Variant

EXPERIMENT = Experiment(
    title="Figure 2: Bayesian against deterministic network",
    report=report.write,
    variants=(
        # Both name their posterior, so that --posterior changes neither.
        Variant("mc_dropout", "Bayesian", {"posterior": "mc_dropout"}, paper.FIGURE1),
        Variant(
            "deterministic",
            "deterministic",
            {"posterior": "deterministic"},
            paper.FIGURE2_DETERMINISTIC,
        ),
    ),
    panels="acquisition",
    captions=(
        "The deterministic BALD is random. A posterior of one point has no mutual information "
        "between label and weights: every score is exactly 0, and chance breaks the ties. From "
        "the same seed it buys, image for image, what the deterministic random run buys.",
        "The deterministic variation ratio, 1 - max p, is least confidence. The authors count "
        "the votes of a single pass instead, so every score is 0 and they buy at random.",
    ),
)
