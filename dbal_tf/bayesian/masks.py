"""Stateless dropout noise, determined by seed, sample and layer.

Keras's dropout layers draw from a running state: the noise of a call depends on all
previous calls, and is the same on every replica of a MirroredStrategy. Here, a layer's
noise is a pure function of (seed, sample, layer). It has no item axis: a posterior
sample is one function, the same for all items.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from dbal_tf.core import InputError

_SPATIAL = (
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)
_DROPOUT_CALLS = {layer.call for layer in (keras.layers.Dropout, *_SPATIAL)}
_SITES = 2**16  # maximum dropout calls in a network, so that keys of samples differ


def is_stochastic(layer: Any) -> bool:
    """Returns whether a layer is a dropout layer that can be sampled.

    Keras's image augmentation layers count as deterministic: they are active
    in training only. A custom layer that draws random numbers without a
    `keras.random.SeedGenerator` is not detected.

    Raises:
        InputError: The layer draws random numbers but is not a dropout layer that can
            be sampled.
    """
    if is_dropout(layer) or is_gaussian_dropout(layer):
        return True
    if isinstance(layer, keras.layers.Layer) and _draws(layer):
        raise InputError(
            f"Layer '{layer.name}' ({type(layer).__name__}) draws random numbers, but "
            "cannot be sampled; expected Dropout, SpatialDropout or GaussianDropout layers; "
            "replace it, or build it from such layers as a Functional model."
        )
    return False


def is_dropout(layer: Any) -> bool:
    """Returns whether a layer is Dropout or SpatialDropout with a rate above 0."""
    # Also subclasses that inherit `call`, because sampling replaces this method.
    return getattr(type(layer), "call", None) in _DROPOUT_CALLS and layer.rate > 0


def is_gaussian_dropout(layer: Any) -> bool:
    """Returns whether a layer is GaussianDropout with a rate above 0."""
    call = getattr(type(layer), "call", None)
    return call is keras.layers.GaussianDropout.call and layer.rate > 0


def noise(
    layer: Any, shape: tuple[int | None, ...], index: tf.Tensor, seed: tf.Tensor, site: int
) -> tf.Tensor:
    """Returns the factor by which a dropout layer multiplies its input.

    Args:
        layer: A layer for which `is_stochastic` is true.
        shape: Shape of the layer's input, without the item axis.
        index: Index of the posterior sample, int64 scalar.
        seed: Seed of the set of samples, int64 scalar.
        site: Index of the layer's call among the stochastic calls.

    Returns:
        Float32 of shape `shape`, with size 1 on each axis along which the noise is
        shared. Values are 0 or 1 / (1 - rate) for Dropout, and drawn from
        N(1, rate / (1 - rate)) for GaussianDropout.
    """
    if is_gaussian_dropout(layer):
        deviation = math.sqrt(layer.rate / (1.0 - layer.rate))
        return 1.0 + deviation * standard_normal(shape, index, seed, site)
    key = _key(index, seed, site)
    uniform = tf.random.stateless_uniform(noise_shape(layer, shape), key, alg="philox")
    kept = tf.cast(uniform >= layer.rate, tf.float32)
    # A rate of 1 drops everything; 0 / 0 would be NaN.
    return kept / (1.0 - layer.rate) if layer.rate < 1 else kept


def check_shape(layer: Any, shape: tuple[int | None, ...]) -> None:
    """Checks that a layer's input has a fixed shape.

    Raises:
        InputError: An axis has no fixed size.
    """
    if None in shape:
        raise InputError(
            f"Layer '{layer.name}' has an input of shape {shape}; expected fixed sizes; "
            "give the model's keras.Input the size of the images."
        )


def standard_normal(
    shape: tuple[int | None, ...], index: tf.Tensor, seed: tf.Tensor, site: int
) -> tf.Tensor:
    """Returns standard normal numbers, float32, determined by index, seed and site."""
    return tf.random.stateless_normal(shape, _key(index, seed, site), alg="philox")


def standard_normals(
    shape: tuple[int | None, ...], indices: tf.Tensor, seed: tf.Tensor, site: int
) -> tf.Tensor:
    """Returns `standard_normal` for each sample index of `[t]`, shape `[t, *shape]`."""
    return tf.map_fn(
        lambda index: standard_normal(shape, index, seed, site),
        indices,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )


def _key(index: tf.Tensor, seed: tf.Tensor, site: int) -> tf.Tensor:
    return tf.stack([seed, index * _SITES + site])


def noise_shape(layer: Any, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Returns the shape of a Dropout layer's noise, without the item axis."""
    if isinstance(layer, _SPATIAL):
        last = getattr(layer, "data_format", "channels_last") == "channels_last"
        ones = (1,) * (len(shape) - 1)
        return (*ones, shape[-1]) if last else (shape[0], *ones)
    if layer.noise_shape is None:
        return shape
    return tuple(
        s if d is None else d for d, s in zip(layer.noise_shape[1:], shape, strict=True)
    )


def seed_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Returns the seed states of all Keras random generators in a layer."""
    weights = {id(variable) for variable in layer.weights}
    others = [variable for variable in layer.variables if id(variable) not in weights]
    return [variable for variable in others if "seed_generator_state" in variable.name]


def _draws(layer: keras.layers.Layer) -> bool:
    # A recurrent layer has a generator even if both of its rates are 0.
    augments = type(layer).__module__.startswith("keras.src.layers.preprocessing.")
    rates = getattr(layer, "dropout", None), getattr(layer, "recurrent_dropout", None)
    return not augments and rates != (0, 0) and bool(seed_states(layer))
