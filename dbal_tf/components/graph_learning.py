"""Asks and classifies on a graph of the images (MBR), without a network.

The method is `dbal_tf/baselines/mbr.py`; these are its two parts in a run: who
is asked next, and how good the harmonic solution is. The images that are
bought train the network too, so that a run compares both.
"""

import dataclasses

import numpy as np

from dbal_tf.acquisition import random_subset
from dbal_tf.artifacts import Dataset, Evaluation, Examples, Labels, Query, Scores
from dbal_tf.baselines.graph import Graph, check_memory, pixels, similarity_graph
from dbal_tf.baselines.harmonic import class_mass_normalised, harmonic
from dbal_tf.baselines.mbr import MinimumBayesRisk, risk
from dbal_tf.bayesian import metrics
from dbal_tf.core import InputError


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
    _kept: dict[tuple[Dataset, bool], Graph] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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

    def of(self, dataset: Dataset, with_test: bool = False) -> Graph:
        """Returns the graph of the initial set and the pool; it is made once.

        Args:
            dataset: Where the images are.
            with_test: Whether the test images are its last nodes.
        """
        if (dataset, with_test) not in self._kept:
            images = np.asarray(_bought_and_unbought(dataset).images)
            if with_test:
                images = np.concatenate([images, np.asarray(dataset.test.images)])
            graph = similarity_graph(pixels(images), self.neighbors, self.scale)
            self._kept[dataset, with_test] = graph
        return self._kept[dataset, with_test]


@dataclasses.dataclass(frozen=True)
class GraphAcquirer:
    """Parameters of the choice; see the flags of the same names."""

    acquisition_size: int
    pool_subset: int
    graph: ImageGraph

    def run(
        self, dataset: Dataset, labels: Labels, unlabelled_ids: np.ndarray, seed: int
    ) -> tuple[Scores, Query]:
        """Returns the items that lower the expected risk most, one after the other.

        Within the query each chosen item counts as of the class that the
        solution says; no label is seen before it is bought.

        Args:
            dataset: Where the images are; those of the validation set and of
                the test set are not in the graph.
            labels: What is known.
            unlabelled_ids: Items that may be bought.
            seed: Seed of the order among equals and of the subset.

        Returns:
            By how much the label of each candidate alone is expected to lower
            the risk, the expected number of wrong nodes; and the query.

        Raises:
            InputError: All labels are of one class.
        """
        nodes = _bought_and_unbought(dataset)
        mbr = MinimumBayesRisk(
            self.graph.of(dataset),
            nodes.rows(labels.ids),
            labels.classes,
            len(dataset.class_names),
        )
        candidates = nodes.rows(
            unlabelled_ids[random_subset(len(unlabelled_ids), self.pool_subset, seed)]
        )
        falls_n = np.zeros(len(nodes))
        expected_m = mbr.expected_risks(candidates)
        falls_n[candidates] = np.maximum(risk(mbr.probs_nc) - expected_m, 0)
        chosen = mbr.query(self.acquisition_size, seed, candidates)
        return (
            Scores(nodes.ids[candidates], falls_n[candidates]),
            Query(nodes.ids[chosen], falls_n[chosen]),
        )


@dataclasses.dataclass(frozen=True)
class GraphClassifier:
    """The harmonic solution as a classifier; its graph holds the test images."""

    graph: ImageGraph

    def run(self, evaluation: Evaluation, dataset: Dataset, labels: Labels) -> Evaluation:
        """Returns an evaluation with its test errors: plain, and with class masses.

        The solution is transductive: test images are nodes without a label.
        The masses are the shares of the classes among the labels.
        """
        rows = _bought_and_unbought(dataset).rows(labels.ids)
        graph, num_classes = self.graph.of(dataset, with_test=True), len(dataset.class_names)
        probs_nc = harmonic(graph, rows, labels.classes, num_classes)
        counts_c = np.bincount(labels.classes, minlength=num_classes)
        is_free_n = ~np.isin(np.arange(len(probs_nc)), rows)
        massed_uc = class_mass_normalised(probs_nc[is_free_n], counts_c / len(labels))
        tests, classes = len(dataset.test), dataset.test_labels.classes
        return dataclasses.replace(
            evaluation,
            graph_error=metrics.error(probs_nc[-tests:], classes),
            graph_mass_error=metrics.error(massed_uc[-tests:], classes),
        )


def _bought_and_unbought(dataset: Dataset) -> Examples:
    """Returns the initial set and the pool: all of the training items but validation."""
    is_node = ~np.isin(dataset.train.ids, dataset.splits.validation_ids)
    return dataset.train.select(dataset.train.ids[is_node])
