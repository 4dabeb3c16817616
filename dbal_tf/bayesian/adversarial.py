"""Virtual adversarial perturbations: the change of an image that changes a prediction most.

Reference: Miyato, Maeda, Koyama, Nakae and Ishii, "Distributional Smoothing with
Virtual Adversarial Training", ICLR 2016.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Logits = Callable[[tf.Tensor], tf.Tensor]


def divergence(logits: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Returns KL(p || q) in nats, `[n]`, with p and q the softmax of logits `[n, c]`."""
    # From logits, because a softmax of 0 in float32 has the logarithm minus infinity.
    log_p, log_q = tf.nn.log_softmax(logits), tf.nn.log_softmax(others)
    return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=1)


def adversarial(
    logits: Logits, images: tf.Tensor, directions: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the logits of images, and the changes that change the predictions most.

    One step of power iteration on the Hessian H of KL(p(y|x) || p(y|x + r)) at
    r = 0, for each image: r = epsilon * H d / ||H d||. With the Jacobian J of the
    logits, H d = J' (diag(p) - p p') J d. This is exact; the authors' finite difference
    with a step of 1e-6 is only rounding error in float32.

    Args:
        logits: Computes logits `[n, c]` from images. With batch normalisation, images
            depend on each other, and H is the Hessian of the whole batch.
        images: Pixel values, shape `[n, ...]`.
        directions: Random directions d, of the images' shape.
        epsilon: L2 norm of the change of an image.

    Returns:
        Logits, `[n, c]`, and changes, of the images' shape; a change is 0 if no change
        has an effect. Gradients do not flow through either.
    """
    # Forward mode for J d, then reverse mode for J' times it: two passes, no Hessian.
    with tf.autodiff.ForwardAccumulator(images, _normalised(directions)) as accumulator:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = logits(images)
        slopes = accumulator.jvp(outputs)  # J d
    probs = tf.nn.softmax(outputs)
    weighted = probs * (slopes - tf.reduce_sum(probs * slopes, axis=1, keepdims=True))
    gradient = tape.gradient(outputs, images, output_gradients=tf.stop_gradient(weighted))
    change = epsilon * _normalised(gradient)
    # No gradient: training should move p(y|x + r) towards p(y|x). It must not move p(y|x)
    # towards the worse prediction, or weaken r.
    return tf.stop_gradient(outputs), tf.stop_gradient(change)


def _normalised(values: tf.Tensor) -> Any:
    """Returns values `[n, ...]`, each row scaled to L2 norm 1; rows of zeros stay zero."""
    axes = list(range(1, len(values.shape)))
    # First divided by the largest value: squares of 1e-23 are 0 in float32.
    largest = tf.reduce_max(tf.abs(values), axis=axes, keepdims=True)
    values = tf.math.divide_no_nan(values, largest)
    length = tf.sqrt(tf.reduce_sum(tf.square(values), axis=axes, keepdims=True))
    return tf.math.divide_no_nan(values, length)
