"""Baselines: active learning on a similarity graph of images, without a network.

    graph = baselines.knn_graph(baselines.pixels(images))
    mbr = baselines.MinimumBayesRisk(graph, rows, classes, num_classes=2)
    query = mbr.query(10, seed=0)

These need no TensorFlow. The systems in `semi_supervised` do.
"""

from dbal_tf.baselines.graph import (
    Graph,
    knn_graph,
    median_scale,
    pixels,
    rbf_graph,
    similarity_graph,
)

# The module `harmonic` has a function of the same name. After this import,
# `baselines.harmonic` is the function.
from dbal_tf.baselines.harmonic import class_mass_normalised, harmonic
from dbal_tf.baselines.mbr import MinimumBayesRisk, expected_risks, risk

__all__ = [
    "Graph",
    "MinimumBayesRisk",
    "class_mass_normalised",
    "expected_risks",
    "harmonic",
    "knn_graph",
    "median_scale",
    "pixels",
    "rbf_graph",
    "risk",
    "similarity_graph",
]
