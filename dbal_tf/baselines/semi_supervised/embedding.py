"""Semi-supervised embedding of neighbours: Weston, Ratle and Collobert, 2008."""

import dataclasses
import functools
import itertools

import keras
import numpy as np
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

from dbal_tf.baselines.semi_supervised import loops
from dbal_tf.baselines.semi_supervised.perceptron import SoftmaxPredictor, perceptron
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, error, pixels


def hinge_loss(outputs_nc: tf.Tensor, classes_n: tf.Tensor) -> tf.Tensor:
    """Returns the mean over images of sum_c max(0, 1 - y_c f_c)^2.

    y_c is 1 for the image's class and -1 for the others. Weston et al. do not square the
    hinge; the square makes the loss smooth.

    Args:
        outputs_nc: f, shape `[n, c]`.
        classes_n: Class indices, shape `[n]`.
    """
    signs_nc = 2 * tf.one_hot(classes_n, outputs_nc.shape[-1], dtype=outputs_nc.dtype) - 1
    hinges_nc = tf.nn.relu(1 - signs_nc * outputs_nc)
    return tf.reduce_mean(tf.reduce_sum(tf.square(hinges_nc), axis=-1))


def near_loss(first_nc: tf.Tensor, second_nc: tf.Tensor) -> tf.Tensor:
    """Returns the mean of |f_i - f_j|^2 over pairs of neighbours, `[n, c]` each."""
    return tf.reduce_mean(tf.reduce_sum(tf.square(first_nc - second_nc), axis=-1))


def far_loss(first_nc: tf.Tensor, second_nc: tf.Tensor, margin: float) -> tf.Tensor:
    """Returns the mean of max(0, margin - |f_i - f_j|)^2 over pairs, `[n, c]` each."""
    # The margin prevents all outputs from collapsing to one point.
    squared_n = tf.reduce_sum(tf.square(first_nc - second_nc), axis=-1)
    # 1e-12, because the slope of the root is infinite at 0, for a pair of equal images.
    distances_n = tf.sqrt(squared_n + 1e-12)
    return tf.reduce_mean(tf.square(tf.nn.relu(margin - distances_n)))


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A network trained on labels and on pairs of neighbouring images.

    The loss is hinge(labelled) + weight * (near(neighbours) + far(random pairs)),
    on the network's outputs (EmbedO). Neighbours are computed from pixels, among
    labelled and unlabelled images together. Weight and margin are chosen by the
    validation error. The predicted probabilities are not calibrated.

    Reference: Weston, Ratle, Collobert, "Deep learning via semi-supervised
    embedding", ICML 2008. Their weight, margin and learning rate are not known.

    Attributes:
        num_hidden: Units of the single hidden layer, with tanh.
        neighbors: Number k of nearest neighbours.
        weights: Candidates for the weight of the embedding.
        margins: Candidates for the margin.
        steps: Training steps for each candidate.
        batch: Labelled images per step.
        pairs: Pairs of neighbours per step, and number of random pairs.
        learning_rate: Initial learning rate of Adam; it falls to zero.
    """

    num_hidden: int = 200
    neighbors: int = 10
    weights: tuple[float, ...] = (0.1, 1.0)
    margins: tuple[float, ...] = (1.0, 3.0)
    steps: int = 30000
    batch: int = 64
    pairs: int = 256
    learning_rate: float = 1e-3

    @classmethod
    def faithful(cls) -> "Embedding":
        """Returns the paper's settings, as far as they are known, with 50 hidden units."""
        return cls(num_hidden=50, weights=(0.1, 1.0, 10.0), margins=(1.0, 3.0), steps=100000)

    @classmethod
    def light(cls) -> "Embedding":
        """Returns settings that take minutes on MNIST."""
        return cls(steps=8000)

    @classmethod
    def tiny(cls) -> "Embedding":
        """Returns settings that take seconds on small digits."""
        return cls(30, 5, (1.0,), (1.0,), steps=300, pairs=32, learning_rate=3e-3)

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> SoftmaxPredictor:
        """Learns from labelled and unlabelled images; see `System.fit`."""
        count = check(labelled, unlabelled, max(self.pairs, self.neighbors))
        # No test images: with them in the graph, the system would be transductive.
        inputs_nd = np.concatenate([pixels(labelled.images), pixels(unlabelled)])
        # The graph takes a minute on MNIST; all candidates share it.
        kept = session.stage("neighbors", lambda: {"rows": nearest(inputs_nd, self.neighbors)})
        fitted = []
        for weight, margin in itertools.product(self.weights, self.margins):
            # The same initial weights for all, so that only weight and margin differ.
            network = perceptron(inputs_nd.shape[1], self.num_hidden, count, "tanh", seed)
            step = _Step(self, network, inputs_nd, labelled.classes, kept["rows"], seed)
            name = f"embedding_weight_{weight:g}_margin_{margin:g}"
            run = loops.compiled(functools.partial(step, weight=weight, margin=margin))
            session.train(name, self.steps, run, step.state)
            fitted.append((weight, margin, SoftmaxPredictor(network)))
        # By the error, because losses with different weights cannot be compared.
        weight, margin, best = min(fitted, key=lambda tried: error(tried[-1], validation))
        session.choose(weight=weight, margin=margin)
        return best


class _Step:
    """A training step on labelled images, pairs of neighbours and random pairs."""

    def __init__(
        self,
        system: Embedding,
        network: keras.Model,
        inputs_nd: np.ndarray,
        classes_n: np.ndarray,
        neighbors_nk: np.ndarray,
        seed: int,
    ) -> None:
        self._system, self._network, self._seed = system, network, seed
        self._inputs_nd = tf.constant(inputs_nd)
        self._classes_n, self._neighbors_nk = tf.constant(classes_n), tf.constant(neighbors_nk)
        self._optimizer = loops.cosine_adam(system.learning_rate, system.steps)
        self._optimizer.build(network.trainable_variables)
        self.state = {"network": network, "optimizer": self._optimizer}

    def __call__(self, now: tf.Tensor, weight: float, margin: float) -> dict[str, tf.Tensor]:
        """Runs step `now` and returns its loss."""
        labelled, pairs = self._system.batch, self._system.pairs
        rows = self._rows(now)

        def loss() -> tf.Tensor:
            found = self._network(tf.gather(self._inputs_nd, rows), training=True)
            own, here, near, far = tf.split(found, [labelled, pairs, pairs, pairs])
            classes = tf.gather(self._classes_n, rows[:labelled])
            # The authors alternate between the terms, one pair at a time; batches are faster.
            # On linear outputs, because probabilities would be smoothed too much.
            embedding = near_loss(here, near) + far_loss(here, far, margin)
            return hinge_loss(own, classes) + weight * embedding

        variables = self._network.trainable_variables
        return {"loss": loops.descend(self._optimizer, variables, loss)}

    def _rows(self, now: tf.Tensor) -> tf.Tensor:
        """Returns rows: labelled images, any images, their neighbours, random images."""
        system, (count, width) = self._system, self._neighbors_nk.shape
        own = loops.draw(self._seed, now, 0, len(self._classes_n), system.batch)
        here = loops.draw(self._seed, now, 1, count, system.pairs)
        column = loops.draw(self._seed, now, 2, width, system.pairs)
        near = tf.gather_nd(self._neighbors_nk, tf.stack([here, column], axis=1))
        # Any images: among tens of thousands, random pairs are hardly ever neighbours.
        far = loops.draw(self._seed, now, 3, count, system.pairs)
        return tf.concat([own, here, near, far], axis=0)


def nearest(inputs_nd: np.ndarray, count: int) -> np.ndarray:
    """Returns the rows of each point's nearest neighbours, int32 `[n, count]`."""
    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(inputs_nd)
    # Called without points, it excludes the point itself, but not its copies.
    return found.kneighbors(return_distance=False).astype(np.int32)
