"""Network factories: functions that build a network with initial weights from a seed.

Networks take pixel values 0 to 255, as they are stored, and scale them internally.
Training, scoring and the exported model therefore share one convention.
"""

import functools
import hashlib
import importlib
import inspect
import math
import operator
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from dbal_tf import config
from dbal_tf.bayesian import applications, tracing
from dbal_tf.bayesian.resnet import bayesian_resnet
from dbal_tf.core import InputError

NetworkFactory = Callable[[tuple[int, int, int], int, int], keras.Model]
_MOST_WEIGHTS = 100_000_000  # 0.4 GB, and four times as much during training
_PARAMETERS = "(image_shape, num_classes, seed)"


class EarlyKeras(keras.initializers.Initializer):
    """The Glorot uniform initializer of Keras in 2015, which the authors used.

    There, the fan-out of a convolution was its number of filters, not multiplied by the
    kernel size. Initial weights of the paper's first layer are therefore 3.3 times as
    large as with Keras 3.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Returns initial weights of shape `[..., inputs, outputs]`."""
        limit = math.sqrt(6 / (math.prod(shape[:-1]) + shape[-1]))
        return keras.random.uniform(shape, -limit, limit, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"seed": self.seed}


INITIALIZERS: dict[str, Callable[..., keras.initializers.Initializer]] = dict(
    zip(config.INITIALIZERS, (keras.initializers.GlorotUniform, EarlyKeras), strict=True)
)


def bayesian_cnn(
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    kernel_size: int = 4,
    initializer: str = "glorot_uniform",
) -> keras.Model:
    """Returns the paper's network for MNIST, newly initialized.

    Convolution-relu-convolution-relu-max pooling-dropout-dense-relu-dropout-
    dense-softmax; 32 kernels of 4x4, 2x2 pooling, 128 units, dropout of 0.25
    and 0.5 (Gal, Islam and Ghahramani 2017, section 5.1). Layers have Keras's
    current dtype policy; probabilities are float32.

    Args:
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        seed: Seed of the initial weights.
        kernel_size: Height and width of the kernels; 4 in the paper.
        initializer: A key of `INITIALIZERS`.

    Raises:
        InputError: The first dense layer would have over 100 million weights.
    """
    _check_size(image_shape, kernel_size)

    # With equal seeds, kernels of equal shape would start with equal weights.
    def initial(offset: int) -> keras.initializers.Initializer:
        return INITIALIZERS[initializer](seed=seed + offset)

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, kernel_size, activation="relu", kernel_initializer=initial(0)),
            layers.Conv2D(32, kernel_size, activation="relu", kernel_initializer=initial(1)),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25, seed=seed),
            layers.Flatten(),
            layers.Dense(128, activation="relu", kernel_initializer=initial(2)),
            layers.Dropout(0.5, seed=seed),
            layers.Dense(
                num_classes, "softmax", kernel_initializer=initial(3), dtype="float32"
            ),
        ],
        name="bayesian_cnn",
    )


def _check_size(image_shape: tuple[int, int, int], kernel_size: int) -> None:
    """Checks that the first dense layer of `bayesian_cnn` fits into memory."""
    height, width = ((size - 2 * (kernel_size - 1)) // 2 for size in image_shape[:2])
    weights = max(0, height) * max(0, width) * 32 * 128
    if weights > _MOST_WEIGHTS:
        raise InputError(
            f"--model=bayesian_cnn has {weights:,} weights for images of {image_shape[0]} x "
            f"{image_shape[1]} pixels; expected at most {_MOST_WEIGHTS:,}; give a smaller "
            "--image_size, such as 96, or another --model."
        )


NETWORKS: dict[str, Callable[..., keras.Model]] = dict(
    zip(config.MODELS, (bayesian_cnn, bayesian_resnet), strict=True)
)


def network_factory(
    model: str | NetworkFactory,
    kernel_size: int = 4,
    initializer: str = "glorot_uniform",
    weights: str = "imagenet",
    train_trunk: bool = False,
) -> NetworkFactory:
    """Returns the network factory for the name of a model.

    A custom factory must return a Sequential or Functional model that maps pixel values
    0 to 255 to class probabilities. It should draw all initial weights from the seed;
    otherwise, a resumed run trains different networks.

    Args:
        model: A key of `NETWORKS`; or `"keras.applications:NAME"`; or
            `"package.module:function"`, which is imported and may be in the current
            folder; or a factory.
        kernel_size: Height and width of the kernels of `bayesian_cnn`.
        initializer: Initializer of `bayesian_cnn`, a key of `INITIALIZERS`.
        weights: Initial weights of an application; see the flag of the same name.
        train_trunk: Whether to train the whole application, or only the head.

    Returns:
        A factory. For a custom factory, it also checks the networks that it builds.

    Raises:
        InputError: There is no such module or function, or it takes other
            arguments. When the factory is called: its result is not a model
            with this input shape and number of classes.

    >>> network_factory("bayesian_cnn")((28, 28, 1), 10, 0).output_shape
    (None, 10)
    """
    if model == "bayesian_cnn":
        return functools.partial(bayesian_cnn, kernel_size=kernel_size, initializer=initializer)
    if isinstance(model, str) and applications.is_application(model):
        return applications.factory(model, weights, train_trunk)
    if isinstance(model, str) and model in NETWORKS:
        return NETWORKS[model]
    name = model if isinstance(model, str) else model_name(model)
    factory = _imported(model) if isinstance(model, str) else model
    _check_callable(factory, name)

    @functools.wraps(factory)
    def checked(image_shape: tuple[int, int, int], num_classes: int, seed: int) -> keras.Model:
        network = factory(image_shape, num_classes, seed)
        _check_network(network, name, image_shape, num_classes)
        return network

    return checked


def model_name(factory: NetworkFactory) -> str:
    """Returns the name of a factory, `"module:qualname"`.

    >>> model_name(bayesian_cnn)
    'dbal_tf.bayesian.networks:bayesian_cnn'
    """
    function = _function(factory)
    return f"{function.__module__}:{function.__qualname__}"


def source_digest(factory: NetworkFactory) -> str:
    """Returns the SHA-256 of the source of a factory, hexadecimal.

    It covers the whole file that defines the function or, without a file (as in a
    notebook), the function's source. It is empty if there is no source, as in an
    interactive session.
    """
    function = _function(factory)
    try:
        path = inspect.getsourcefile(function)
        if path is not None and os.path.isfile(path):
            content = pathlib.Path(path).read_bytes()
        else:
            content = inspect.getsource(function).encode()
    except (OSError, TypeError):  # Source is not available; the function is built in.
        return ""
    return hashlib.sha256(content).hexdigest()


def _function(factory: Any) -> Any:
    """Returns the function behind decorators and `functools.partial`."""
    while isinstance(factory, functools.partial) or hasattr(factory, "__wrapped__"):
        is_partial = isinstance(factory, functools.partial)
        factory = factory.func if is_partial else factory.__wrapped__
    # A callable object has no name; its class has one.
    return factory if hasattr(factory, "__qualname__") else type(factory)


def _imported(model: str) -> Any:
    module_name, _, path = model.partition(":")
    # `python -m` adds the current folder to sys.path; a console script does not.
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # An import can raise any exception.
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        raise InputError(
            f"--model={model} cannot be imported ({reason}); expected "
            f"{', '.join(config.MODELS)} or package.module:function, in the current folder "
            "or installed; correct it."
        ) from error
    try:
        return operator.attrgetter(path)(module)
    except AttributeError as error:
        raise InputError(
            f"--model={model} names '{path}', which {module_name} does not have; expected a "
            f"function of {_PARAMETERS}; correct the name."
        ) from error


def _check_callable(factory: Any, name: str) -> None:
    if not callable(factory):
        raise InputError(
            f"--model={name} is a {type(factory).__name__}; expected a function of "
            f"{_PARAMETERS}; name one."
        )
    try:
        signature = inspect.signature(factory)
    except ValueError:  # Built-in functions need not have one.
        return
    try:
        signature.bind("image_shape", "num_classes", "seed")
    except TypeError as error:
        raise InputError(
            f"--model={name} has the parameters {signature}; expected {_PARAMETERS}; "
            "change the function."
        ) from error


def _check_network(
    network: Any, name: str, image_shape: tuple[int, ...], num_classes: int
) -> None:
    if not isinstance(network, keras.Model):
        raise InputError(
            f"--model={name} returned a {type(network).__name__}; expected a Sequential or "
            "Functional model of Keras 3; return one."
        )
    traced = tracing.trace(network)
    got, expected = (
        f"{(None, *inputs)} to {(None, *outputs)}"
        for inputs, outputs in (
            (traced.input.shape, traced.output.shape),
            (image_shape, (num_classes,)),
        )
    )
    if got != expected:
        raise InputError(
            f"--model={name} returned a model from {got}; expected one from {expected}; use "
            "image_shape for keras.Input and num_classes for the last layer."
        )
