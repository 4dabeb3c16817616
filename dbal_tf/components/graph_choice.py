"""Choice on a graph of the images (MBR), and the graph's own classifier.

The method is `dbal_tf/baselines/mbr.py`; here are its two parts in a run: who
is asked for next, and how good the harmonic solution is. The images that are
bought train the network too, so that a run compares both.
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

_DECIMALS = 9  # of expected risks that tell them apart, as in a query


@dataclasses.dataclass(frozen=True)
class ImageGraph:
    """What joins images; see the flags `--graph_...`.

    Attributes:
        neighbors: How many near images each is joined to; 0: all.
        scale: Width of the kernel, in distances of pixels of 0 to 1; 0: the
            median length of an edge.
    """

    neighbors: int
    scale: float

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Takes the parameters from the settings."""
        return cls(config.graph_neighbors, config.graph_scale)

    def check(self, dataset: Dataset) -> None:
        """Refuses a graph of the pool and the test images that cannot be made.

        Raises:
            InputError: There are fewer images than neighbours, or they are too
                many for the memory.
        """
        nodes = len(_bought_and_unbought(dataset))
        if self.neighbors >= nodes:
            raise InputError(
                f"--graph_neighbors={self.neighbors} cannot be used with {nodes} images in the "
                f"pool and the initial set; expected at most {nodes - 1}; lower it."
            )
        # A query holds two dense matrices; the full graphs are dense themselves.
        check_memory(nodes, matrices=2 if self.neighbors else 3)
        if not self.neighbors:
            check_memory(nodes + len(dataset.test), matrices=5)

    def run(self, images: np.ndarray) -> Graph:
        """Returns the graph of some images, uint8 `[n, h, w, k]`."""
        return similarity_graph(pixels(images), self.neighbors, self.scale)


@dataclasses.dataclass(frozen=True, eq=False)
class GraphChooser:
    """Asks for what lowers the expected risk most; see `core.Chooser`.

    Attributes:
        acquisition_size: See the flag of the same name.
        pool_subset: See the flag of the same name.
        nodes: The initial set and the pool.
        pool_graph: The graph of `nodes`.
        test_graph: The graph of `nodes`, followed by the test images.
        dataset: Where the test labels are.
    """

    acquisition_size: int
    pool_subset: int
    nodes: Examples
    pool_graph: Graph
    test_graph: Graph
    dataset: Dataset

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> Self:
        """Makes the graphs of a data set, once for all rounds."""
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
        """Returns the items that lower the expected risk most, one after the other.

        Within the query each chosen item counts as of the class that the
        solution says; no label is seen before it is bought. The reserve are
        the best of the others, each judged alone.

        Args:
            model: Not used: the graph needs no network.
            labels: What is known.
            unlabelled: Items that may be bought.
            seed_for: Its seed `ties` gives the order among equals and the subset.

        Returns:
            By how much the label of each candidate alone is expected to lower
            the risk, the expected number of wrong nodes; and the query.

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
        # Falls that differ by less are equal but for rounding.
        levels_m = np.round(falls_n[others], _DECIMALS)
        best = others[top_k(levels_m, min(size, len(others)), seed)]
        ranked = np.concatenate([chosen, best])
        return (
            Scores(nodes.ids[candidates], falls_n[candidates]),
            Query(nodes.ids[ranked], falls_n[ranked]),
        )

    def evaluate(self, evaluation: Evaluation, labels: Labels) -> Evaluation:
        """Returns the evaluation with the harmonic solution's test errors.

        Plain, and with class mass normalisation; the masses are the shares of
        the classes among the labels. The solution is transductive: test images
        are nodes without a label.
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
    """Returns the initial set and the pool: all of the training items but validation."""
    is_node = ~np.isin(dataset.train.ids, dataset.splits.validation_ids)
    return dataset.train.select(dataset.train.ids[is_node])
