"""Fast evaluation of heads of the form dropout, dense, dropout, dense.

Units that a sample drops need not be computed. For each sample of a tile, the kept
columns of the first dense kernel are multiplied by the sample's input mask. The columns
of all samples form one wide matrix, so that a single matrix product serves all samples.
The result equals that of executing the layers, except for rounding. Products have the
precision of the layers; probabilities are float32.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from dbal_tf.bayesian import masks, tracing

# Units are in a different order here, so the activation must not mix them.
_ELEMENTWISE = {
    getattr(keras.activations, name)
    for name in ("linear", "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus")
}
_MULTIPLE = 128  # the number of packed units is rounded up to a multiple
_READOUTS = _ELEMENTWISE | {keras.activations.softmax}


class PackedSamples(NamedTuple):
    """A packed tile of samples: the `u` kept units of all samples, one after another.

    Attributes:
        kernel: Columns of the first dense kernel, masked and transposed, `[u, f]`.
        bias: Bias of the first dense layer, `[u]`.
        next_kernel: Rows of the second dense kernel, scaled, `[u, c]`.
        ends: End of each sample's units, int64 `[t]`.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    next_kernel: tf.Tensor
    ends: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class PackedHead:
    """A head of the form dropout, dense, dropout, dense.

    Attributes:
        drops: The calls of the two dropout layers.
        denses: The two dense layers.
        activation: Elementwise activation of the first dense layer.
        readout: Activation of the second dense layer.
    """

    drops: tuple[tracing.Call, tracing.Call]
    denses: tuple[Any, Any]
    activation: Callable[[tf.Tensor], tf.Tensor]
    readout: Callable[[tf.Tensor], tf.Tensor]

    @classmethod
    def from_cut(cls, cut: tracing.Cut) -> "PackedHead | None":
        """Returns the head of a cut, or None if it does not have this form."""
        if len(cut.boundary) != 1 or not _is_chain(cut):
            return None
        calls = [call for call in cut.head if not _is_plain_flatten(call.layer)]
        layers = [call.layer for call in calls]
        hidden, activation = dense_with_activation(layers[1:])
        rest = layers[1 + hidden :]
        last, readout = dense_with_activation(rest[1:])
        fits = (
            masks.is_dropout(layers[0])
            and hidden
            and activation in _ELEMENTWISE
            and rest
            and masks.is_dropout(rest[0])
            and last
            and len(rest) == 1 + last
            and readout in _READOUTS
            and all(_is_flat(call) for call in calls if call.layer in (layers[1], rest[1]))
        )
        if not fits:
            return None
        drops = calls[0], calls[1 + hidden]
        return cls(drops, (layers[1], rest[1]), activation, readout)

    def sample(self, indices: tf.Tensor, seed: tf.Tensor) -> PackedSamples:
        """Draws the posterior samples with these indices, int64 `[t]`."""
        inputs_tf = self.noise(0, indices, seed)
        units_tu = self.noise(1, indices, seed)
        first, second = self.denses
        kept = tf.where(units_tu > 0)
        # Padded with rows that no sample reads, so that products have few different shapes:
        # oneDNN keeps memory for every shape.
        kept = tf.pad(kept, [[0, -tf.shape(kept)[0] % _MULTIPLE], [0, 0]])
        sample, unit = kept[:, 0], kept[:, 1]
        kernel = tf.gather(tf.transpose(kernel_of(first)), unit)
        next_kernel = tf.gather(kernel_of(second), unit)
        return PackedSamples(
            kernel=tf.cast(kernel * tf.gather(inputs_tf, sample), first.compute_dtype),
            bias=tf.cast(tf.gather(bias_of(first), unit), first.compute_dtype),
            next_kernel=tf.cast(
                next_kernel * tf.gather_nd(units_tu, kept)[:, tf.newaxis], second.compute_dtype
            ),
            ends=tf.cumsum(tf.math.count_nonzero(units_tu > 0, axis=1)),
        )

    def probs(self, features: tf.Tensor, samples: PackedSamples) -> tf.Tensor:
        """Returns class probabilities `[t, n, c]`."""
        flat = tf.reshape(features, [tf.shape(features)[0], samples.kernel.shape[1]])
        flat = tf.cast(flat, samples.kernel.dtype)
        hidden = tf.matmul(flat, samples.kernel, transpose_b=True)
        hidden_nu = self.activation(hidden + samples.bias)
        hidden_nu = tf.cast(hidden_nu, samples.next_kernel.dtype)
        starts = tf.concat([[0], samples.ends[:-1]], axis=0)

        def logits(span: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            start, end = span
            # Samples keep different numbers of units, so each needs a separate product.
            return tf.matmul(hidden_nu[:, start:end], samples.next_kernel[start:end])

        logits_tnc = tf.map_fn(
            logits,
            (starts, samples.ends),
            parallel_iterations=2,
            fn_output_signature=samples.next_kernel.dtype,
        )
        return self.readout(tf.cast(logits_tnc, tf.float32) + bias_of(self.denses[1]))

    def noise(self, site: int, indices: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the noise of the first or second dropout layer, `[t, f]` or `[t, u]`."""
        call = self.drops[site]
        shape = call.inputs[0].shape

        def one(index: tf.Tensor) -> tf.Tensor:
            drawn = masks.noise(call.layer, shape, index, seed, site)
            return tf.reshape(tf.broadcast_to(drawn, shape), [-1])

        return tf.map_fn(one, indices, fn_output_signature=tf.float32)


def _is_chain(cut: tracing.Cut) -> bool:
    """Returns whether each call of the head takes only the previous call's output."""
    previous = cut.boundary[0]
    for call in cut.head:
        if call.inputs != (previous,) or len(call.outputs) != 1:
            return False
        previous = call.outputs[0]
    return True


def _is_plain_flatten(layer: Any) -> bool:
    # channels_first flattens in another order than tf.reshape.
    return type(layer) is keras.layers.Flatten and layer.data_format == "channels_last"


def _is_flat(call: tracing.Call) -> bool:
    """Returns whether the input of a dense layer is one vector per item."""
    return len(call.inputs[0].shape) == 1


def dense_with_activation(layers: list[Any]) -> tuple[int, Any]:
    """Returns the number of layers in a leading Dense plus activation, and the activation.

    The activation may be the Dense layer's own or a separate layer. Returns 0 and None
    if the first layer is not a plain Dense layer.
    """
    # Exact types: a subclass may compute something else. Quantized kernels differ in storage.
    plain = layers and type(layers[0]) is keras.layers.Dense
    if not plain or layers[0].quantization_mode is not None:
        return 0, None
    activation = layers[0].activation
    if activation is not keras.activations.linear or len(layers) == 1:
        return 1, activation
    follower = layers[1]
    if type(follower) is keras.layers.Activation:
        return 2, follower.activation
    # ReLU has settings such as max_value. All except name and dtype must be the defaults.
    plain_relu = type(follower) is keras.layers.ReLU and follower.get_config() == {
        **keras.layers.ReLU().get_config(),
        "name": follower.name,
        "dtype": follower.get_config()["dtype"],
    }
    if plain_relu:
        return 2, keras.activations.relu
    if type(follower) is keras.layers.Softmax and follower.axis == -1:
        return 2, keras.activations.softmax
    return 1, activation


def kernel_of(dense: keras.layers.Dense) -> tf.Tensor:
    """Returns a dense layer's weights, float32 `[f, u]`."""
    return tf.cast(tf.convert_to_tensor(dense.kernel), tf.float32)


def bias_of(dense: keras.layers.Dense) -> tf.Tensor:
    """Returns a dense layer's bias, float32 `[u]`; zeros if it has none."""
    if dense.use_bias:
        return tf.cast(tf.convert_to_tensor(dense.bias), tf.float32)
    return tf.zeros([dense.units])
