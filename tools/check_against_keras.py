"""Compares MC dropout with that of Keras, `model(images, training=True)`.

Both draw class probabilities from the same distribution, so their means and
variances over many samples differ by a few standard errors at most. Ends with
status 1 if they differ by more than chance explains in all but one of 10,000
checks.

  python tools/check_against_keras.py --data_dir=<folder with MNIST>
"""

import argparse
import sys

import keras
import numpy as np
import scipy.stats
import tensorflow as tf

from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.bayesian.posteriors import McDropout
from dbal_tf.core import Posterior

_TILE = 100  # samples per call


def posterior_samples(
    posterior: Posterior, images: np.ndarray, num_samples: int, seed: int = 0
) -> np.ndarray:
    """Returns a posterior's class probabilities, `[t, n, c]`."""
    features = posterior.features(tf.constant(images, tf.float32))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.int64)])
    def run(indices: tf.Tensor) -> tf.Tensor:
        return posterior.probs(features, posterior.sample(indices, tf.constant(seed, tf.int64)))

    tiles = np.split(np.arange(num_samples), range(_TILE, num_samples, _TILE))
    return np.concatenate([run(tile) for tile in tiles])


def keras_samples(network: keras.Model, images: np.ndarray, num_samples: int) -> np.ndarray:
    """Returns Keras's class probabilities with dropout on, `[t, n, c]`."""
    images = tf.constant(images, tf.float32)
    run = tf.function(lambda: network(images, training=True), autograph=False)
    return np.stack([run() for _ in range(num_samples)])


def z_scores(ours_tnc: np.ndarray, others_tnc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the differences of means and of variances in standard errors, each `[n, c]`."""

    def z(ours: np.ndarray, others: np.ndarray) -> np.ndarray:
        squared_error = ours.var(axis=0) / len(ours) + others.var(axis=0) / len(others)
        error = np.maximum(np.sqrt(squared_error), np.finfo(np.float64).tiny)
        return (ours.mean(axis=0) - others.mean(axis=0)) / error

    both = [probs.astype(np.float64) for probs in (ours_tnc, others_tnc)]
    return z(*both), z(*(np.square(probs - probs.mean(axis=0)) for probs in both))


def bound(comparisons: int, chance: float = 1e-4) -> float:
    """Returns the limit that the largest |z| of a correct program exceeds with this chance."""
    return float(scipy.stats.norm.isf(chance / comparisons / 2))


def main() -> int:
    """Prints the largest z-scores; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--data_dir", default="", help="folder with MNIST")
    parser.add_argument("--untrained", action="store_true", help="random weights and images")
    flags = parser.parse_args()
    if flags.untrained:
        network = bayesian_cnn((28, 28, 1), 10, seed=0)
        images = np.random.default_rng(0).integers(0, 256, (flags.images, 28, 28, 1))
    else:
        from benchmarks.model import trained

        from dbal_tf.datasets import mnist

        source = mnist.load(flags.data_dir)
        network, images = trained(source), source.test.images[: flags.images]
    ours = posterior_samples(McDropout(network), images, flags.samples)
    z_mean, z_variance = z_scores(ours, keras_samples(network, images, flags.samples))
    limit = bound(2 * z_mean.size)
    worst = np.abs(z_mean).max(), np.abs(z_variance).max()
    print(f"{flags.images} images, {flags.samples} samples, {z_mean.size} probabilities")
    print(f"largest |z| of the means {worst[0]:.2f}, of the variances {worst[1]:.2f}")
    print(f"expected below {limit:.2f}, except in one check of 10,000")
    return int(max(worst) > limit)


if __name__ == "__main__":
    sys.exit(main())
