"""Deep ensembles: networks of one form, trained from different initial weights.

Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
estimation using deep ensembles", NeurIPS 2017. The members are one Keras model, whose
output is the mean of theirs, so that they are trained in one compiled loop, and saved,
exported and resumed as any network is. They see the same batches; initial weights and
dropout differ.
"""

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
    """Returns the members of an ensemble; of any other network, the network itself."""
    if network.layers[-1].name != _MEAN:
        return [network]
    return [layer for layer in network.layers if isinstance(layer, keras.Model)]


class Ensemble:
    """A sample is one member's prediction, without dropout.

    Args:
        network: The result of a factory that `ensemble` returns.

    Raises:
        InputError: It is another network.
    """

    def __init__(self, network: keras.Model) -> None:
        traced = tracing.trace(network)
        mean = traced.calls[-1]
        # By its last operation: a trunk may come before it, and the ensemble be nested.
        if mean.layer.name != _MEAN:
            raise InputError(
                f"Model '{network.name}' is no ensemble; build it with "
                "dbal_tf.bayesian.ensemble.ensemble(factory, size), or choose the mc_dropout "
                "posterior."
            )
        self._calls, self._input = traced.calls[:-1], traced.input.index
        self._outputs = [slot.index for slot in mean.inputs]

    def num_samples(self, requested: int) -> int:
        """Returns the number of members, whatever is requested: there are no others."""
        del requested
        return len(self._outputs)

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the class probabilities of all members, `[t, n, c]`."""
        values = tracing.execute(self._calls, {self._input: images})
        return tf.stack([tf.cast(values[index], tf.float32) for index in self._outputs])

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> Any:
        """Returns the numbers of the members."""
        del seed
        return indices % len(self._outputs)

    def probs(self, features: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`; see `Posterior`."""
        return tf.gather(features, samples)
