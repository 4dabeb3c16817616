"""`--experiment=whole_pool`: scoring the whole pool against a random 2000 of its images."""

from dbal_tf.experiments import paper, report
from dbal_tf.experiments.grid import Experiment, Variant

EXPERIMENT = Experiment(
    title="The whole pool against a random 2000",
    report=report.write,
    variants=(
        Variant("whole", "whole pool", {"pool_subset": 0}),
        Variant("subset", "a random 2000", {"pool_subset": 2000}, paper.FIGURE1),
    ),
    panels="acquisition",
    captions=(
        "The authors score a random 2000 images per round. The best ten of sixty thousand have "
        "higher scores, but may be near copies of each other: tools/near_copies.py shows how "
        "far apart the images of a query are.",
    ),
)
