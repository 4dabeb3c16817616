"""Approximate posteriors over a network's weights, by name."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from dbal_tf import config
from dbal_tf.bayesian import masks, tracing
from dbal_tf.bayesian.ensemble import Ensemble
from dbal_tf.bayesian.gaussian import GaussianDropout
from dbal_tf.bayesian.laplace import Laplace
from dbal_tf.bayesian.packed import PackedHead
from dbal_tf.bayesian.variational import BayesByBackprop
from dbal_tf.core import InputError, Posterior


class McDropout:
    """MC dropout: a posterior sample is one set of dropout masks.

    Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016. Layers that do
    not depend on a dropout layer run once per item. Only dropout layers are active:
    BatchNormalization and all other layers stay in inference mode, and no variable
    changes.

    Args:
        network: A Sequential or Functional model with dropout layers, from
            images to class probabilities.
        packed: Whether to use `PackedHead` if it applies. Without it, the samples are
            the same but slower; tests compare the two.

    Raises:
        InputError: The network has no dropout layers, or has other layers that
            draw random numbers.
    """

    def __init__(self, network: keras.Model, packed: bool = True) -> None:
        traced = tracing.trace(network)
        self._cut = tracing.cut(traced, masks.is_stochastic)
        if not self._cut.head:
            raise InputError(
                f"Model '{network.name}' has no dropout layer with a rate above 0; all "
                "samples would be equal; add keras.layers.Dropout or choose the "
                "deterministic posterior."
            )
        self._input, self._output = traced.input.index, traced.output.index
        # Calls, not layers: a layer that is called twice draws two independent masks.
        sites = [call for call in self._cut.head if masks.is_stochastic(call.layer)]
        for call in sites:
            masks.check_shape(call.layer, call.inputs[0].shape)
        self._sites = {id(call): number for number, call in enumerate(sites)}
        self._packed = PackedHead.from_cut(self._cut) if packed else None

    def num_samples(self, requested: int) -> int:
        """Returns the requested number."""
        return requested

    def features(self, images: tf.Tensor) -> Any:
        """Returns the inputs of the first stochastic layers; see `Posterior`."""
        values = tracing.execute(self._cut.features, {self._input: images})
        return [values[slot.index] for slot in self._cut.boundary]

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> Any:
        """Returns masked weights, or indices and seed of the masks; see `Posterior`."""
        if self._packed:
            return self._packed.sample(indices, seed)
        # Masks of a general head may be large, so `probs` draws them one at a time.
        return indices, seed

    def probs(self, features: Any, samples: Any) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`; see `Posterior`."""
        if self._packed:
            return self._packed.probs(features[0], samples)
        indices, seed = samples
        return tf.map_fn(
            lambda index: self._head(features, index, seed),
            indices,
            parallel_iterations=1,  # limits the memory to one sample's activations
            fn_output_signature=tf.float32,
        )

    def _head(self, features: Any, index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        def drop(call: tracing.Call, x: Any) -> Any:
            site = self._sites.get(id(call))
            if site is None:
                return None
            noise = masks.noise(call.layer, call.inputs[0].shape, index, seed, site)
            return x * tf.cast(noise, x.dtype)

        values = {s.index: x for s, x in zip(self._cut.boundary, features, strict=True)}
        return tf.cast(tracing.execute(self._cut.head, values, drop)[self._output], tf.float32)


class Deterministic:
    """A point estimate: the only sample is one forward pass without dropout."""

    def __init__(self, network: keras.Model) -> None:
        traced = tracing.trace(network)
        self._calls, self._input = traced.calls, traced.input.index
        self._output = traced.output.index

    def num_samples(self, requested: int) -> int:
        """Returns 1, because all samples are equal."""
        del requested
        return 1

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the class probabilities `[n, c]`."""
        probs = tracing.execute(self._calls, {self._input: images})[self._output]
        return tf.cast(probs, tf.float32)

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> Any:
        """Returns the number of samples."""
        del seed
        return tf.size(indices)

    def probs(self, features: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Returns the same probabilities for every sample, `[t, n, c]`."""
        return tf.repeat(features[tf.newaxis], samples, axis=0)


def screening_posterior(network: keras.Model) -> str:
    """Returns the name of the cheapest posterior that still ranks items well."""
    return "gaussian_dropout" if GaussianDropout.fits(network) else "mc_dropout"


POSTERIORS: dict[str, Callable[[keras.Model], Posterior]] = dict(
    zip(
        config.POSTERIORS,
        (McDropout, Deterministic, GaussianDropout, Laplace, Ensemble, BayesByBackprop),
        strict=True,
    )
)
