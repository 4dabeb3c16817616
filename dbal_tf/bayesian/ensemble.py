"""Deep ensembles: networks of one architecture, trained from different initial weights.

Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
estimation using deep ensembles", NeurIPS 2017. The members form one Keras model whose
output is their mean. It is trained in one compiled loop, and saved, exported and resumed
like any other network. Members see the same batches; initial weights and dropout differ.
"""

import functools
from typing import Any

import keras
import tensorflow as tf

from dbal_tf import seeds
from dbal_tf.bayesian import tracing
from dbal_tf.bayesian.networks import NetworkFactory
from dbal_tf.core import InputError

_MEAN = "mean_of_members"


def ensemble(factory: NetworkFactory, size: int) -> NetworkFactory:
    """Returns a factory of ensembles.

    Args:
        factory: Builds a member from image shape, number of classes and seed.
        size: Number of members, at least 2.

    >>> from dbal_tf.bayesian.networks import bayesian_cnn
    >>> len(members(ensemble(bayesian_cnn, 3)((12, 12, 1), 10, 0)))
    3
    """

    # The lineage has the digest of the factory's own source.
    @functools.wraps(factory)
    def build(image_shape: tuple[int, int, int], num_classes: int, seed: int) -> keras.Model:
        image, outputs = keras.Input(image_shape), []
        for number in range(size):
            own = seeds.seed_for(seed, 0, number, "member")
            member = factory(image_shape, num_classes, own)
            member.name = f"member_{number}"
            outputs.append(member(image))
        mean = keras.layers.Average(name=_MEAN, dtype="float32")(outputs)
        return keras.Model(image, mean, name="ensemble")

    return build


def members(network: keras.Model) -> list[keras.Model]:
    """Returns the members of an ensemble, or `[network]` for any other network."""
    if network.layers[-1].name != _MEAN:
        return [network]
    return [layer for layer in network.layers if isinstance(layer, keras.Model)]


class Ensemble:
    """The posterior of a deep ensemble: a sample is one member, without dropout.

    Args:
        network: A network built by a factory that `ensemble` returned.

    Raises:
        InputError: The network is not such an ensemble.
    """

    def __init__(self, network: keras.Model) -> None:
        traced = tracing.trace(network)
        mean = traced.calls[-1]
        # Recognised by the last operation: the ensemble may be nested, after a trunk.
        if mean.layer.name != _MEAN:
            raise InputError(
                f"Model '{network.name}' is no ensemble; build it with "
                "dbal_tf.bayesian.ensemble.ensemble(factory, size), or choose the mc_dropout "
                "posterior."
            )
        self._calls, self._input = traced.calls[:-1], traced.input.index
        self._outputs = [slot.index for slot in mean.inputs]

    def num_samples(self, requested: int) -> int:
        """Returns the number of members, whatever is requested."""
        del requested
        return len(self._outputs)

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the class probabilities of all members, `[t, n, c]`."""
        values = tracing.execute(self._calls, {self._input: images})
        return tf.stack([tf.cast(values[index], tf.float32) for index in self._outputs])

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> Any:
        """Returns the member indices, int64 `[t]`."""
        del seed
        return indices % len(self._outputs)

    def probs(self, features: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`; see `Posterior`."""
        return tf.gather(features, samples)
