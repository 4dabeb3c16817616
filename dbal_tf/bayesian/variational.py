"""Bayes by backprop: the weights of the last two dense layers are normal distributions.

Blundell et al., "Weight uncertainty in neural networks", ICML 2015. Training draws
activations instead of weights (Kingma, Salimans and Welling, "Variational dropout
and the local reparameterization trick", NeurIPS 2015), which has less noise and the
same expectation.

The prior of a weight is N(0, s^2) with s^2 = 2 / inputs. The divergence from the prior has
the weight 2 c s^2 / N, so that a mean m costs (c/N) m^2, as with the paper's weight decay of
constant c. The evidence lower bound has the weight 1/N; a smaller weight gives a cold
posterior (Wenzel et al., "How good is the Bayes posterior in deep neural networks
really?", ICML 2020). For the first of the two layers of the paper's network, with 3872
inputs, both weights are equal at c = 968; docs/results/calibration has both constants.
"""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian import masks, tracing
from dbal_tf.bayesian.networks import NetworkFactory
from dbal_tf.core import InputError

_FIRST_DEVIATION = 0.1  # initial standard deviation, as a share of the prior's
_LAYERS = 2  # number of last dense layers with uncertain weights


@keras.saving.register_keras_serializable(package="dbal_tf")
class NormalDense(keras.layers.Dense):
    """A dense layer with independent, normally distributed weights.

    Kernel and bias are the means of the weights. Calls outside of training use only these.
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(units, **options)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Creates the means, and the variables that determine the deviations."""
        super().build(input_shape)
        self.prior_deviation = float(np.sqrt(2 / input_shape[-1]))
        first = np.log(np.expm1(_FIRST_DEVIATION * self.prior_deviation))
        self.raw_deviations = [
            self.add_weight(
                shape=mean.shape,
                initializer=keras.initializers.Constant(first),
                name=f"raw_deviation_{number}",
            )
            for number, mean in enumerate(self.means)
        ]

    @property
    def means(self) -> list[keras.Variable]:
        """The kernel, and the bias if there is one."""
        return [self.kernel, *([self.bias] if self.use_bias else [])]

    def deviations(self) -> list[tf.Tensor]:
        """Returns the standard deviations of kernel and bias, all above 0."""
        return [tf.nn.softplus(tf.convert_to_tensor(raw)) for raw in self.raw_deviations]

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the activations; in training, for randomly drawn weights."""
        if not training:
            return super().call(inputs)
        variance, *bias_variance = (
            tf.cast(tf.square(deviation), inputs.dtype) for deviation in self.deviations()
        )
        spread = keras.ops.matmul(keras.ops.square(inputs), variance)
        for one in bias_variance:
            spread += one
        mean = keras.ops.matmul(inputs, self.kernel)
        if self.use_bias:
            mean = keras.ops.add(mean, self.bias)
        noise = keras.random.normal(
            keras.ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return self.activation(mean + keras.ops.sqrt(spread) * noise)

    # Dense would save only its kernel and bias.
    def save_own_variables(self, store: Any) -> None:
        """Saves all variables."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: Any) -> None:
        """Loads what `save_own_variables` saved."""
        keras.layers.Layer.load_own_variables(self, store)

    def cost(self) -> tf.Tensor:
        """Returns 2 s^2 times the divergence from the prior N(0, s^2), a scalar."""
        # Imported here: it takes a second, and no other posterior needs it.
        import tensorflow_probability as tfp

        normal = tfp.distributions.Normal
        prior = normal(0.0, self.prior_deviation)
        divergence = tf.add_n(
            [
                tf.reduce_sum(tfp.distributions.kl_divergence(normal(mean, deviation), prior))
                for mean, deviation in zip(
                    map(tf.convert_to_tensor, self.means), self.deviations(), strict=True
                )
            ]
        )
        return 2 * self.prior_deviation**2 * divergence


def variational(factory: NetworkFactory) -> NetworkFactory:
    """Returns a factory of the same networks with `NormalDense` as the last dense layers.

    Dropout is switched off, because the weights are random instead.

    Args:
        factory: Builds a network from image shape, number of classes and seed.

    Raises:
        InputError: When the factory is called: the network itself has no dense layer.
    """

    # The lineage has the digest of the factory's own source.
    @functools.wraps(factory)
    def build(image_shape: tuple[int, int, int], num_classes: int, seed: int) -> keras.Model:
        network = factory(image_shape, num_classes, seed)
        dense = [layer for layer in network.layers if type(layer) is keras.layers.Dense]
        if not dense:
            raise InputError(
                f"Model '{network.name}' has no dense layer, as the bayes_by_backprop "
                "posterior needs; use the mc_dropout posterior."
            )
        uncertain = {layer.name for layer in dense[-_LAYERS:]}

        def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
            settings = layer.get_config()
            if masks.is_dropout(layer) or masks.is_gaussian_dropout(layer):
                settings["rate"] = 0.0
            kind = NormalDense if layer.name in uncertain else type(layer)
            return kind.from_config(settings)

        clones = keras.models.clone_model(network, clone_function=clone)
        for layer in network.layers:
            own = clones.get_layer(layer.name)
            rest = own.get_weights()[len(layer.get_weights()) :]
            own.set_weights([*layer.get_weights(), *rest])
        return clones

    return build


class BayesByBackprop:
    """The posterior of Bayes by backprop: a sample is one set of `NormalDense` weights.

    Args:
        network: A network built by a factory that `variational` returned.

    Raises:
        InputError: The network has no `NormalDense` layer.
    """

    def __init__(self, network: keras.Model) -> None:
        traced = tracing.trace(network)
        self._cut = tracing.cut(traced, lambda layer: isinstance(layer, NormalDense))
        self._layers = {
            id(call.layer): call.layer
            for call in self._cut.head
            if isinstance(call.layer, NormalDense)
        }
        if not self._layers:
            raise InputError(
                f"Model '{network.name}' has no layer with uncertain weights; build it with "
                "dbal_tf.bayesian.variational.variational(factory), or choose the mc_dropout "
                "posterior."
            )
        self._input, self._output = traced.input.index, traced.output.index

    def num_samples(self, requested: int) -> int:
        """Returns the requested number."""
        return requested

    def features(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Returns the inputs of the first uncertain layer; see `Posterior`."""
        values = tracing.execute(self._cut.features, {self._input: images})
        return [values[slot.index] for slot in self._cut.boundary]

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> list[tf.Tensor]:
        """Returns the weights of the uncertain layers, each `[t, ...]`; see `Posterior`."""
        drawn, site = [], 0
        for layer in self._layers.values():
            for mean, deviation in zip(layer.means, layer.deviations(), strict=True):
                noise = masks.standard_normals(tuple(mean.shape), indices, seed, site)
                drawn.append(tf.convert_to_tensor(mean) + deviation * noise)
                site += 1
        return drawn

    def probs(self, features: list[tf.Tensor], samples: list[tf.Tensor]) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`; see `Posterior`."""
        return tf.map_fn(
            lambda weights: self._head(features, weights),
            samples,
            parallel_iterations=1,  # limits the memory to one sample's activations
            fn_output_signature=tf.float32,
        )

    def _head(self, features: list[tf.Tensor], weights: list[tf.Tensor]) -> tf.Tensor:
        parts, rest = {}, iter(weights)
        for key, layer in self._layers.items():
            parts[key] = [next(rest) for _ in layer.means]

        def drawn(call: tracing.Call, x: Any) -> Any:
            if id(call.layer) not in parts:
                return None
            kernel, *bias = (tf.cast(part, x.dtype) for part in parts[id(call.layer)])
            y = keras.ops.matmul(x, kernel)
            return call.layer.activation(y + bias[0] if bias else y)

        values = {s.index: x for s, x in zip(self._cut.boundary, features, strict=True)}
        return tf.cast(tracing.execute(self._cut.head, values, drawn)[self._output], tf.float32)
