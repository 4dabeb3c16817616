"""The Laplace approximation of the last layer's posterior, in closed form.

The posterior is approximated by a normal distribution around the trained weights, whose
precision is the curvature of the loss. For a softmax layer with inputs phi, the curvature
is sum_n (diag(p_n) - p_n p_n^T) x phi_n phi_n^T plus the prior's precision lambda. Here,
the two factors are averaged separately (Kronecker-factored). Lambda maximises the
likelihood of held-out images or, if there are none, the evidence. MacKay, "A practical
Bayesian framework for backpropagation networks", 1992; Ritter et al., "A scalable Laplace
approximation", ICLR 2018; Kristiadi et al., "Being Bayesian, even just a bit, fixes
overconfidence", ICML 2020.
"""

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian import masks, tracing
from dbal_tf.bayesian.chunks import chunk_size
from dbal_tf.bayesian.packed import bias_of, dense_with_activation, kernel_of
from dbal_tf.core import Images, InputError

_KEPT = "_dbal_tf_covariance"  # the attribute of a fitted network
_PRECISIONS = np.logspace(-4, 4, 81)  # candidates for the prior's precision


class Covariance(tf.Module):
    """The covariance of the last layer's weights, in its eigenbasis.

    Weights of the last layer, with the bias, are sampled as W + U (Z * S) V^T, with Z
    standard normal.

    Attributes:
        inputs: Eigenvectors U of the inputs' factor, `[d + 1, d + 1]`.
        classes: Eigenvectors V of the classes' factor, `[c, c]`.
        deviations: Standard deviations S, `[d + 1, c]`.
        precision: The prior's precision lambda.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        shapes = [inputs, inputs], [classes, classes], [inputs, classes]
        self.inputs, self.classes, self.deviations = (
            tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes
        )
        self.precision = tf.Variable(0.0, trainable=False)


class Laplace:
    """The Laplace posterior: only the last layer's weights are uncertain.

    A sample is one set of weights of the last layer, so it costs one matrix product of
    that layer's size. Call `fit` first.

    Args:
        network: A Sequential or Functional model from images to class
            probabilities, which ends in a dense softmax layer.

    Raises:
        InputError: The network ends in another layer, or `fit` was not called.
    """

    def __init__(self, network: keras.Model) -> None:
        self._parts = _Parts(network)
        fitted = network.__dict__.get(_KEPT)
        if fitted is None:
            raise InputError(
                f"Model '{network.name}' has no covariance for the laplace posterior; call "
                "dbal_tf.bayesian.laplace.fit(network, images) with the training images."
            )
        self.covariance: Covariance = fitted

    def num_samples(self, requested: int) -> int:
        """Returns the requested number."""
        return requested

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the last layer's inputs and a 1 for its bias (0 if none), `[n, d + 1]`."""
        return self._parts.inputs(images)

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns weights of the last layer, `[d + 1, t, c]`; see `Posterior`."""
        shape = tuple(self.covariance.deviations.shape)
        normal_tdc = masks.standard_normals(shape, indices, seed, site=0)
        scaled = normal_tdc * self.covariance.deviations
        return self._parts.weights()[:, tf.newaxis] + tf.einsum(
            "ed,tdk,ck->etc", self.covariance.inputs, scaled, self.covariance.classes
        )

    def probs(self, features: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`; see `Posterior`."""
        return tf.nn.softmax(tf.einsum("nd,dtc->tnc", features, samples))


class _Parts:
    """A network, split into its last dense layer and all layers before it."""

    def __init__(self, network: keras.Model) -> None:
        traced = tracing.trace(network)
        dense = [c for c in traced.calls if isinstance(c.layer, keras.layers.Dense)][-1:]
        cut = tracing.cut(traced, lambda layer: bool(dense) and layer is dense[0].layer)
        count, activation = dense_with_activation([call.layer for call in cut.head])
        is_softmax = activation is keras.activations.softmax and count == len(cut.head)
        if not is_softmax or len(cut.boundary) != 1 or len(cut.boundary[0].shape) != 1:
            raise InputError(
                f"Model '{network.name}' does not end in a dense softmax layer, as the laplace "
                "posterior needs; use the mc_dropout posterior."
            )
        self._calls, self._input = cut.features, traced.input.index
        self._boundary, self._dense = cut.boundary[0].index, dense[0].layer

    def inputs(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the last layer's inputs and a 1 for its bias (0 if none), `[n, d + 1]`."""
        values = tracing.execute(self._calls, {self._input: images})
        inputs = tf.cast(values[self._boundary], tf.float32)
        ones = tf.fill([tf.shape(inputs)[0], 1], 1.0 if self._dense.use_bias else 0.0)
        return tf.concat([inputs, ones], axis=1)

    def inputs_of(self, images: Images) -> np.ndarray:
        """Returns `inputs` for any number of images, float64."""
        # Compiled, so that the values of earlier layers are freed.
        compiled = tf.function(self.inputs, reduce_retracing=True)
        step = chunk_size(images.shape[1:])
        chunks = [
            compiled(tf.constant(np.asarray(images[start : start + step], np.float32)))
            for start in range(0, len(images), step)
        ]
        return np.concatenate(chunks).astype(np.float64)

    def weights(self) -> tf.Tensor:
        """Returns the last layer's trained weights, the bias as last row, `[d + 1, c]`."""
        return tf.concat([kernel_of(self._dense), [bias_of(self._dense)]], axis=0)


def fit(
    network: keras.Model, images: Images, held_out: tuple[Images, np.ndarray] | None = None
) -> None:
    """Computes the covariance that `Laplace` samples from, and stores it in the network.

    The classes of the training images are not needed: the curvature is that of the
    network's own predictions.

    Args:
        network: A trained network; see `Laplace`.
        images: The images that it was trained on, shape `[n, h, w, k]`.
        held_out: Held-out images and their classes, for choosing the prior's precision;
            None: the evidence chooses it. If a network fits few images exactly, the
            evidence prefers priors that are far too wide.

    Raises:
        InputError: The network does not end in a dense softmax layer.
    """
    parts = _Parts(network)
    weights = parts.weights().numpy().astype(np.float64)
    inputs = parts.inputs_of(images)
    probs = tf.nn.softmax(inputs @ weights).numpy()
    inputs_factor = inputs.T @ inputs
    classes_factor = np.diag(probs.sum(axis=0)) - probs.T @ probs
    of_inputs, inputs_basis = np.linalg.eigh(inputs_factor)
    of_classes, classes_basis = np.linalg.eigh(classes_factor / len(images))
    # Rounding may make an eigenvalue of 0 slightly negative.
    curvature = np.maximum(np.outer(of_inputs, of_classes), 0)
    if held_out is None:
        precision = best_precision(curvature, float(np.square(weights).sum()))
    else:
        inputs, classes = parts.inputs_of(held_out[0]), held_out[1]
        spreads = np.square(inputs @ inputs_basis), np.square(classes_basis.T)
        precision = likeliest_precision(inputs @ weights, classes, curvature, spreads)
    kept = network.__dict__.get(_KEPT)
    if kept is None:
        # In __dict__, because Keras would add an attribute's variables to the network's.
        kept = network.__dict__[_KEPT] = Covariance(*weights.shape)
    kept.inputs.assign(inputs_basis)
    kept.classes.assign(classes_basis)
    kept.deviations.assign((curvature + precision) ** -0.5)
    kept.precision.assign(precision)


def share(fitted: keras.Model, larger: keras.Model) -> None:
    """Shares a fitted network's covariance, if any, with a model that ends in it."""
    if _KEPT in fitted.__dict__:
        larger.__dict__[_KEPT] = fitted.__dict__[_KEPT]


def check(network: keras.Model) -> None:
    """Checks that a network can be fitted.

    Raises:
        InputError: The network does not end in a dense softmax layer.
    """
    _Parts(network)


def best_precision(curvature: np.ndarray, squares: float) -> float:
    """Returns the prior precision, among `_PRECISIONS`, that maximises the evidence.

    Up to a constant, twice the log evidence is P log(lambda) - lambda |W|^2 -
    sum_i log(h_i + lambda), for P weights with curvatures h_i.

    Args:
        curvature: Eigenvalues h_i of the loss's curvature, all at least 0.
        squares: Sum of the squares of the weights, |W|^2.
    """
    evidence = [
        curvature.size * np.log(one) - one * squares - np.log(curvature + one).sum()
        for one in _PRECISIONS
    ]
    return float(_PRECISIONS[int(np.argmax(evidence))])


def likeliest_precision(
    logits: np.ndarray,
    classes: np.ndarray,
    curvature: np.ndarray,
    spreads: tuple[np.ndarray, np.ndarray],
) -> float:
    """Returns the prior precision, among `_PRECISIONS`, of the highest likelihood of images.

    Class probabilities are the softmax of the logits times (1 + pi/8 variance)^-1/2
    (MacKay, "The evidence framework applied to classification networks", 1992).

    Args:
        logits: Logits of the images with the trained weights, `[n, c]`.
        classes: Class indices of the images, `[n]`.
        curvature: Eigenvalues of the loss's curvature, `[d + 1, c]`.
        spreads: Squares of the images' inputs in the basis of the inputs' factor,
            `[n, d + 1]`, and of the basis of the classes' factor, `[c, c]`.
    """
    likelihoods = []
    for precision in _PRECISIONS:
        variance = spreads[0] @ (1 / (curvature + precision)) @ spreads[1]
        shrunk = logits / np.sqrt(1 + np.pi / 8 * variance)
        shrunk -= shrunk.max(axis=1, keepdims=True)
        of_truth = shrunk[np.arange(len(classes)), classes]
        likelihoods.append(np.mean(of_truth - np.log(np.exp(shrunk).sum(axis=1))))
    return float(_PRECISIONS[int(np.argmax(likelihoods))])
