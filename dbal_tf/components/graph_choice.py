"""Choice on a graph of the images (MBR), and the graph's own classifier.

`dbal_tf/baselines/mbr.py` implements the method. This is its part in a run: the
choice of the query, and the test error of the harmonic solution. The labels that
it acquires also train the network, so that a run compares both.
"""

import dataclasses
from typing import Self

import numpy as np

from dbal_tf.acquisition import random_subset, top_k
from dbal_tf.artifacts import Dataset, Evaluation, Examples, Labels, Model, Query, Scores
from dbal_tf.baselines.graph import Graph, check_memory, pixels, similarity_graph
from dbal_tf.baselines.harmonic import class_mass_normalised, harmonic
from dbal_tf.baselines.mbr import MinimumBayesRisk, risk
from dbal_tf.bayesian import metrics
from dbal_tf.config import Config
from dbal_tf.core import InputError, SeedFor

_DECIMALS = 9  # risks that differ by less are ties, as in `MinimumBayesRisk.query`


@dataclasses.dataclass(frozen=True)
class ImageGraph:
    """Builds similarity graphs of images; see the flags `--graph_...`.

    Attributes:
        neighbors: Number of nearest images that each is joined to; 0: all.
        scale: Width of the kernel, as a distance between images with pixels 0 to 1;
            0: the median length of an edge.
    """

    neighbors: int
    scale: float

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        return cls(config.graph_neighbors, config.graph_scale)

    def check(self, dataset: Dataset) -> None:
        """Checks that the graphs of pool and test images can be built.

        Raises:
            InputError: There are fewer images than neighbours, or too many for the
                memory.
        """
        nodes = len(_bought_and_unbought(dataset))
        if self.neighbors >= nodes:
            raise InputError(
                f"--graph_neighbors={self.neighbors} cannot be used with {nodes} images in the "
                f"pool and the initial set; expected at most {nodes - 1}; lower it."
            )
        # A query holds two dense matrices; without a limit on neighbours, the graph is a third.
        check_memory(nodes, matrices=2 if self.neighbors else 3)
        if not self.neighbors:
            check_memory(nodes + len(dataset.test), matrices=5)

    def run(self, images: np.ndarray) -> Graph:
        """Returns the graph of some images, uint8 `[n, h, w, k]`."""
        return similarity_graph(pixels(images), self.neighbors, self.scale)


@dataclasses.dataclass(frozen=True, eq=False)
class GraphChooser:
    """Chooses the items that lower the expected risk most; see `core.Chooser`.

    Attributes:
        acquisition_size: See the flag of the same name.
        pool_subset: See the flag of the same name.
        nodes: The initial set and the pool.
        pool_graph: The graph of `nodes`.
        test_graph: The graph of `nodes`, followed by the test images.
        dataset: Holds the test labels.
    """

    acquisition_size: int
    pool_subset: int
    nodes: Examples
    pool_graph: Graph
    test_graph: Graph
    dataset: Dataset

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> Self:
        """Builds the graphs of a data set, once for all rounds."""
        nodes, graph = _bought_and_unbought(dataset), ImageGraph.from_config(config)
        images = np.asarray(nodes.images)
        return cls(
            config.acquisition_size,
            config.pool_subset,
            nodes,
            graph.run(images),
            graph.run(np.concatenate([images, np.asarray(dataset.test.images)])),
            dataset,
        )

    def run(
        self, model: Model, labels: Labels, unlabelled: Examples, seed_for: SeedFor
    ) -> tuple[Scores, Query]:
        """Returns the items that lower the expected risk most, chosen one after another.

        Within the query, each chosen item is given the class that the solution
        predicts: no label is used before it is acquired. The reserve holds the best
        of the other items, each scored on its own.

        Args:
            model: Not used: the graph needs no network.
            labels: The labels so far.
            unlabelled: The unlabelled items of the pool.
            seed_for: Its seed for `ties` breaks ties and draws the subset.

        Returns:
            For each candidate, how much its label alone is expected to lower the
            risk (the expected number of misclassified nodes); and the query.

        Raises:
            InputError: All labels are of one class.
        """
        del model
        nodes, seed = self.nodes, seed_for("ties")
        mbr = MinimumBayesRisk(
            self.pool_graph,
            nodes.rows(labels.ids),
            labels.classes,
            len(self.dataset.class_names),
        )
        subset = random_subset(len(unlabelled), self.pool_subset, seed)
        candidates = nodes.rows(unlabelled.ids[subset])
        falls_n = np.zeros(len(nodes))
        expected_m = mbr.expected_risks(candidates)
        falls_n[candidates] = np.maximum(risk(mbr.probs_nc) - expected_m, 0)
        size = min(self.acquisition_size, len(candidates))
        chosen = mbr.query(size, seed, candidates)
        others = candidates[~np.isin(candidates, chosen)]
        # Rounded, so that the seed breaks ties and not rounding errors of the solution. Scored
        # one by one: chosen greedily, the reserve would cost as much as the query.
        levels_m = np.round(falls_n[others], _DECIMALS)
        best = others[top_k(levels_m, min(size, len(others)), seed)]
        ranked = np.concatenate([chosen, best])
        return (
            Scores(nodes.ids[candidates], falls_n[candidates]),
            Query(nodes.ids[ranked], falls_n[ranked]),
        )

    def evaluate(self, evaluation: Evaluation, labels: Labels) -> Evaluation:
        """Returns the evaluation with the test errors of the harmonic solution.

        They are given without and with class mass normalisation; the masses are the
        class frequencies among the labels. The solution is transductive: the test
        images are nodes without a label.
        """
        rows, num_classes = self.nodes.rows(labels.ids), len(self.dataset.class_names)
        probs_nc = harmonic(self.test_graph, rows, labels.classes, num_classes)
        counts_c = np.bincount(labels.classes, minlength=num_classes)
        is_free_n = ~np.isin(np.arange(len(probs_nc)), rows)
        massed_uc = class_mass_normalised(probs_nc[is_free_n], counts_c / len(labels))
        tests, classes = len(self.dataset.test), self.dataset.test_labels.classes
        return dataclasses.replace(
            evaluation,
            graph_error=metrics.error(probs_nc[-tests:], classes),
            graph_mass_error=metrics.error(massed_uc[-tests:], classes),
        )


def _bought_and_unbought(dataset: Dataset) -> Examples:
    """Returns the initial set and the pool: all training items except validation."""
    is_node = ~np.isin(dataset.train.ids, dataset.splits.validation_ids)
    return dataset.train.select(dataset.train.ids[is_node])
