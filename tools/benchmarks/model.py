"""The trained network and our posteriors, for benchmarks and other measurements."""

import keras
import numpy as np
from benchmarks.measuring import Moments

from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.datasets.source import Source

LABELS, WEIGHT_DECAY = 300, 2.5


def trained(source: Source, epochs: int = 50, labels: int = LABELS) -> keras.Model:
    """Returns the paper's network, trained on the first labels of MNIST."""
    fitter = Fitter(bayesian_cnn, (28, 28, 1), 10)
    images, classes = source.train.images[:labels], source.train_classes[:labels]
    fitter.fit(images, classes, epochs, WEIGHT_DECAY, seed=0)
    return fitter.network


def scored(
    network: keras.Model, images: np.ndarray, posterior: str, num_samples: int, seed: int = 0
) -> Moments:
    """Returns the moments of the class probabilities by one of our posteriors."""
    found = predictive_statistics(network, images, num_samples, seed, posterior)
    return Moments(found.mean_probs, found.var_probs)
