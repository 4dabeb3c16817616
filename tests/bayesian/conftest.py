"""Small networks of every form, for 8x8 images and 3 classes, by name."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from dbal_tf.bayesian.networks import bayesian_cnn

Build = Callable[[str], keras.Model]
_SHAPE = (8, 8, 1)


def _softmax(**options: bool) -> keras.layers.Layer:
    return layers.Dense(3, activation="softmax", **options)


def _sequential(*stack: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input(_SHAPE), layers.Rescaling(1 / 255), *stack])


def _functional(of: Callable[[keras.KerasTensor], keras.KerasTensor]) -> keras.Model:
    image = keras.Input(_SHAPE)
    return keras.Model(image, of(layers.Rescaling(1 / 255)(image)))


def _activations() -> keras.Model:
    """The paper's head with the activations as layers and no bias."""
    return _sequential(
        layers.Conv2D(4, 3),
        layers.Activation("relu"),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(16, use_bias=False),
        layers.ReLU(),
        layers.Dropout(0.5),
        layers.Dense(3, use_bias=False),
        layers.Softmax(),
    )


def _few_units() -> keras.Model:
    """Many a sample drops all units."""
    return _sequential(
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(2, activation="tanh"),
        layers.Dropout(0.9),
        _softmax(),
    )


def _residual() -> keras.Model:
    """A skip around dropout, and a dropout that is added to its input."""

    def of(x: keras.KerasTensor) -> keras.KerasTensor:
        skip = layers.Dense(6)(layers.Flatten()(layers.Conv2D(2, 3)(x)))
        x = layers.Dense(6, activation="relu")(layers.Dropout(0.3)(skip))
        x = layers.Add()([x, skip])
        return _softmax()(x + layers.Dropout(0.5)(x))

    return _functional(of)


def _nested() -> keras.Model:
    """A model in a model: before, with and after dropout."""
    inner = keras.Sequential(
        [keras.Input((7,)), layers.Dense(7, activation="relu"), layers.Dropout(0.4)]
    )
    block = keras.Input((7,))
    block = keras.Model(block, layers.Add()([inner(block), block]))

    def of(x: keras.KerasTensor) -> keras.KerasTensor:
        return _softmax()(block(inputs=layers.Dense(7)(layers.Flatten()(x))))

    return _functional(of)


def _shared() -> keras.Model:
    """One dropout and one dense layer, each called twice."""
    dense, drop = layers.Dense(64, activation="relu"), layers.Dropout(0.5)

    def of(x: keras.KerasTensor) -> keras.KerasTensor:
        x = dense(drop(layers.Flatten()(x)))
        return _softmax()(dense(drop(x)))

    return _functional(of)


def _branch() -> keras.Model:
    """A branch from before dropout to the output, concatenated."""

    def of(x: keras.KerasTensor) -> keras.KerasTensor:
        x = layers.Flatten()(x)
        early, late = layers.Dense(3)(x), layers.Dense(5)(layers.Dropout(0.5)(x))
        return _softmax()(layers.Concatenate()([late, early]))

    return _functional(of)


def _spatial() -> keras.Model:
    return _sequential(
        layers.Conv2D(4, 3, activation="relu"),
        layers.SpatialDropout2D(0.5),
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        _softmax(),
    )


def _batch_norm() -> keras.Model:
    """Normalization before and after dropout, with statistics of its own."""
    network = _sequential(
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(6),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        _softmax(),
    )
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    return network


def _gaussian() -> keras.Model:
    return _sequential(
        layers.Flatten(),
        layers.GaussianDropout(0.3),
        layers.Dense(6, activation="relu"),
        _softmax(),
    )


def _training_true() -> keras.Model:
    """MC dropout as tutorials write it, beside a layer that trains."""

    def of(x: keras.KerasTensor) -> keras.KerasTensor:
        x = layers.Dropout(0.5)(layers.Flatten()(x), training=True)
        return _softmax()(layers.BatchNormalization()(x, training=True))

    return _functional(of)


def _flat_late() -> keras.Model:
    """Dropout, dense, dropout, dense, but each pixel goes through the first dense."""
    return _sequential(
        layers.Dropout(0.5),
        layers.Dense(4, activation="relu"),
        layers.Dropout(0.5),
        layers.Flatten(),
        _softmax(),
    )


def _channels_first() -> keras.Model:
    """Flattened in another order than the values lie in memory."""
    return _sequential(
        layers.Conv2D(4, 3),
        layers.Dropout(0.5),
        layers.Flatten(data_format="channels_first"),
        layers.Dense(6, activation="relu"),
        layers.Dropout(0.5),
        _softmax(),
    )


def _wide_activation() -> keras.Model:
    """Ends in an activation that is not elementwise and names its axis."""
    return _sequential(
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(6, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(3, activation=lambda x: keras.ops.softmax(x, axis=1)),
    )


def _half_precision() -> keras.Model:
    float16 = {"dtype": "mixed_float16"}
    return _sequential(
        layers.Flatten(**float16),
        layers.Dropout(0.5, **float16),
        layers.Dense(6, activation="relu", **float16),
        layers.Dropout(0.5, **float16),
        layers.Dense(3, activation="softmax", **float16),
    )


def _double_precision() -> keras.Model:
    policy = {"dtype": "float64"}
    return _sequential(
        layers.Flatten(**policy),
        layers.Dropout(0.5, **policy),
        layers.Dense(6, activation="relu", **policy),
        layers.Dropout(0.5, **policy),
        layers.Dense(3, activation="softmax", **policy),
    )


def _by_keyword() -> keras.Model:
    """Each layer is given its input by name."""

    def of(x: keras.KerasTensor) -> keras.KerasTensor:
        x = layers.Dense(6, activation="relu")(inputs=layers.Flatten()(inputs=x))
        return _softmax()(inputs=layers.Dropout(0.5)(inputs=x))

    return _functional(of)


_NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "paper": lambda: bayesian_cnn((28, 28, 1), 10, seed=1),
    "small_paper": lambda: bayesian_cnn(_SHAPE, 3, seed=1),
    "activations": _activations,
    "few_units": _few_units,
    "residual": _residual,
    "nested": _nested,
    "shared": _shared,
    "branch": _branch,
    "spatial": _spatial,
    "batch_norm": _batch_norm,
    "gaussian": _gaussian,
    "training_true": _training_true,
    "flat_late": _flat_late,
    "channels_first": _channels_first,
    "wide_activation": _wide_activation,
    "half_precision": _half_precision,
    "double_precision": _double_precision,
    "by_keyword": _by_keyword,
    "no_dropout": lambda: _sequential(layers.Flatten(), layers.Dropout(0.0), _softmax()),
    "no_softmax": lambda: _sequential(layers.Flatten(), layers.Dropout(0.5), layers.Dense(3)),
}


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    """Makes every test's weights and Keras's own dropout the same in each run."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def build() -> Build:
    """Makes a network by its name."""
    return lambda name: _NETWORKS[name]()


@pytest.fixture
def images() -> Callable[..., np.ndarray]:
    """Makes random images for a network: `images(network, count)`."""

    def make(network: keras.Model, count: int) -> np.ndarray:
        shape = (count, *network.input_shape[1:])
        return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)

    return make
