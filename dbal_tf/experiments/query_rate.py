"""`--experiment=query_rate`: 1, 5, 10 or 100 images per query, at equal labels."""

from dbal_tf.experiments import report
from dbal_tf.experiments.grid import Experiment, Variant
from dbal_tf.experiments.paper import QUERY_RATE

EXPERIMENT = Experiment(
    title="Images per query",
    report=report.write,
    variants=tuple(
        Variant(f"q{size}", f"{size} per query", {"acquisition_size": size}, numbers)
        for size, numbers in QUERY_RATE.items()
    ),
    panels="acquisition",
    captions=(
        "All runs end with the same number of labels. With fewer images per query, more "
        "networks are trained on the way.",
    ),
)
