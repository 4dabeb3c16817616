"""`--experiment=figure1`: the acquisition functions, compared on MNIST."""

from dbal_tf.experiments import paper, report
from dbal_tf.experiments.grid import Experiment, Variant

EXPERIMENT = Experiment(
    title="Figure 1: acquisition functions",
    report=report.write,
    variants=(Variant(published=paper.FIGURE1),),
    captions=(
        "Mean STD is computed here over all posterior samples. In the authors' code it is the "
        "standard deviation of a single pass, so every score is 0 and their curve is that of "
        "random acquisition. --acquisition=mean_std --posterior=deterministic does the same.",
    ),
)
