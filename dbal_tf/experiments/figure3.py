"""`--experiment=figure3`: MBR against deep active learning, on two digits."""

from dbal_tf.experiments import paper, report
from dbal_tf.experiments.grid import Experiment, Variant

# Techniques that query by the network. mbr queries by a graph; each graph is a variant.
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
        # The authors have one curve of MBR; it is shown beside mbr with the default graph.
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
        "mbr buys the images that lower the expected risk of the harmonic solution most, on a "
        "graph that joins near images or, with a kernel of scale 1 or 2, all images. The left "
        "plot shows the test error of a network trained on the labels, whatever chose them; "
        "the others show that of the harmonic solution, which is transductive: the test images "
        "are nodes of its graph.",
        "With two classes max_entropy and var_ratios rank the images alike: their runs differ "
        "by rounding alone.",
        "The authors begin with 100 images of one class, so their curves begin at chance. "
        "Their MBR is not that of Zhu et al.: its kernel grows with the distance, and true "
        "labels enter its risk.",
    ),
    # Two classes need fewer labels than ten, and reach lower errors.
    checkpoints=(20, 60, 100, 300, 500),
    thresholds=(0.05, 0.02),
)
