"""`--experiment=figure3`: MBR and deep active learning, two digits to tell apart."""

from dbal_tf.experiments import paper, report
from dbal_tf.experiments.grid import Experiment, Variant

_NETWORK = ("bald", "var_ratios", "max_entropy", "random")

EXPERIMENT = Experiment(
    title="Figure 3: MBR against deep active learning",
    report=report.write,
    variants=(
        Variant("bayesian", "", {}, paper.FIGURE3, _NETWORK),
        Variant(
            "deterministic",
            "deterministic",
            {"posterior": "deterministic"},
            paper.FIGURE3_DETERMINISTIC,
            ("max_entropy",),
            "bayesian",
        ),
        Variant("near", "near images", {}, paper.FIGURE3, ("mbr",), "bayesian"),
        Variant(
            "scale_1",
            "all, scale 1",
            {"graph_neighbors": 0, "graph_scale": 1.0},
            techniques=("mbr",),
            baseline="bayesian",
        ),
        Variant(
            "scale_2",
            "all, scale 2",
            {"graph_neighbors": 0, "graph_scale": 2.0},
            techniques=("mbr",),
            baseline="bayesian",
        ),
    ),
    panels="measure",
    captions=(
        "mbr buys what lowers the expected risk of the harmonic solution most, on a graph of "
        "near images or of all with a kernel of scale 1 or 2. The left plot is the network's "
        "error, whoever chose its labels; the others are the harmonic solution's own, "
        "transductive: the test images are nodes of its graph.",
        "With two classes max_entropy and var_ratios rank the images alike: where their runs "
        "differ, rounding is all that does.",
        "The authors begin with 100 images of one class, so their curves begin at chance, and "
        "their MBR is not that of Zhu et al.: its kernel grows with the distance, and true "
        "labels enter its risk.",
    ),
    checkpoints=(20, 60, 100, 300, 500),
    thresholds=(0.05, 0.02),
)
