"""Ways to score and to fit with other programs, with the same weights and images.

Scoring ways map T to the `Moments` of T passes with dropout on; fitting ways
map a number of epochs to the error on test images.
"""

import dataclasses
import functools
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
import scipy.special
import tensorflow as tf
from benchmarks import measuring
from benchmarks.measuring import Moments

from dbal_tf.bayesian.networks import bayesian_cnn

if TYPE_CHECKING:
    import torch

INSTALL = "absent; pip install -r requirements-benchmark.txt"
_BATCHES = (2000, 500, 128)
_BAAL_BATCH = 128
_BATCH = 128  # of training
_LEARNING_RATE = 1e-3

ScoringWay = Callable[[int], Moments]
FittingWay = Callable[[int], float]


def is_installed(name: str) -> bool:
    """Says whether a package can be imported."""
    try:
        return importlib.util.find_spec(name) is not None and bool(__import__(name))
    except ImportError:
        return False


def scoring_ways(network: keras.Model, images: np.ndarray) -> dict[str, ScoringWay | None]:
    """Returns the peers' ways to score by their names, each at its best batch size.

    None stands for a peer that is not installed.
    """
    ways: dict[str, ScoringWay | None] = {
        **_best("Keras, model(x, training=True) in a tf.function", keras_loop, network, images),
        **_best("Keras, model.predict", keras_predict, network, images),
    }
    torch = is_installed("torch")
    present = torch and is_installed("baal")
    for suffix in ("", ", replicate_in_memory=False"):
        name = f"BaaL, predict_on_dataset, batch {_BAAL_BATCH}{suffix}"
        ways[name] = baal(network, images, replicate=not suffix) if present else None
    name = "PyTorch, a loop of forward passes"
    return ways | (_best(name, torch_loop, network, images) if torch else {name: None})


def _best(
    name: str, make: Callable[..., ScoringWay], network: keras.Model, images: np.ndarray
) -> dict[str, ScoringWay]:
    sizes = sorted({min(size, len(images)) for size in _BATCHES})
    ways = {f"{name}, batch {size}": make(network, images, size) for size in sizes}
    best = measuring.fastest({key: functools.partial(way, 2) for key, way in ways.items()})
    return {best: ways[best]}


def keras_loop(network: keras.Model, images: np.ndarray, batch: int) -> ScoringWay:
    """Returns a way to score: T passes of one compiled call with dropout on."""
    step = tf.function(
        lambda x: network(x, training=True),
        input_signature=[tf.TensorSpec([None, *images.shape[1:]], tf.float32)],
    )
    starts = range(0, len(images), batch)
    batches = [tf.constant(images[start : start + batch], tf.float32) for start in starts]
    return lambda count: measuring.moments(
        np.concatenate([step(x) for x in batches]) for _ in range(count)
    )


class AlwaysDropout(keras.layers.Dropout):
    """Dropout that is also on in `predict`, where a model overrides `training=True`."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drops units, whatever `training` is."""
        del training
        return super().call(inputs, training=True)


def keras_predict(network: keras.Model, images: np.ndarray, batch: int) -> ScoringWay:
    """Returns a way to score: T calls of `predict` on a copy whose dropout is always on."""

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = AlwaysDropout if type(layer) is keras.layers.Dropout else type(layer)
        return kind.from_config(layer.get_config())

    sampler = keras.models.clone_model(network, clone_function=copied)
    sampler.set_weights(network.get_weights())
    floats = images.astype(np.float32)
    return lambda count: measuring.moments(
        sampler.predict(floats, batch_size=batch, verbose=0) for _ in range(count)
    )


def torch_loop(network: keras.Model, images: np.ndarray, batch: int) -> ScoringWay:
    """Returns a way to score: T forward passes of the network in PyTorch, dropout on."""
    import torch

    module = torch_network(network).train()
    batches = torch.split(_torch_images(images), batch)

    def passes(count: int) -> Moments:
        with torch.inference_mode():
            return measuring.moments(
                torch.cat([module(x).softmax(dim=1) for x in batches]).numpy()
                for _ in range(count)
            )

    return passes


def baal(network: keras.Model, images: np.ndarray, replicate: bool) -> ScoringWay:
    """Returns BaaL's way: one pass of a batch that is copied T times, or T passes of it."""
    import structlog
    import torch
    from baal.bayesian.dropout import patch_module
    from baal.modelwrapper import ModelWrapper, TrainingArgs

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    settings = TrainingArgs(
        batch_size=_BAAL_BATCH, use_cuda=False, workers=0, replicate_in_memory=replicate
    )
    wrapper = ModelWrapper(patch_module(torch_network(network)), settings)
    items = torch.utils.data.TensorDataset(_torch_images(images))

    def passes(count: int) -> Moments:
        logits_nct = wrapper.predict_on_dataset(items, count, verbose=False)
        probs_nct = scipy.special.softmax(logits_nct, axis=1)
        return Moments(probs_nct.mean(axis=2), probs_nct.var(axis=2))

    return passes


def torch_network(network: keras.Model) -> "torch.nn.Sequential":
    """Returns the paper's network in PyTorch, with a Keras network's weights."""
    import torch
    from torch import nn

    kernels = network.get_weights()
    height, width, channels = network.layers[3].output.shape[1:]
    units, classes = kernels[4].shape[1], kernels[6].shape[1]
    module = nn.Sequential(
        *(nn.Conv2d(kernels[0].shape[2], channels, 4), nn.ReLU()),
        *(nn.Conv2d(channels, channels, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(height * width * channels, units), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(units, classes)),
    )
    # Keras flattens channels last.
    flat = kernels[4].reshape(height, width, channels, units)
    theirs = [
        *(kernels[0].transpose(3, 2, 0, 1), kernels[1]),
        *(kernels[2].transpose(3, 2, 0, 1), kernels[3]),
        *(flat.transpose(3, 2, 0, 1).reshape(units, -1), kernels[5]),
        *(kernels[6].T, kernels[7]),
    ]
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), theirs, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return module


def _torch_images(images: np.ndarray) -> "torch.Tensor":
    import torch

    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / 255
    return torch.from_numpy(planes)


@dataclasses.dataclass(frozen=True, eq=False)
class FittingTask:
    """A task: images to fit, and test images to measure the error on."""

    images: np.ndarray
    classes: np.ndarray
    weight_decay: float
    test_images: np.ndarray
    test_classes: np.ndarray

    @property
    def penalty(self) -> float:
        """The factor c/N of the sum of squares of the first dense kernel."""
        return self.weight_decay / len(self.images)

    def error(self, outputs_nc: np.ndarray) -> float:
        """Returns the error of predictions for the test images."""
        return float(np.mean(outputs_nc.argmax(axis=1) != self.test_classes))


def fitting_ways(task: FittingTask) -> dict[str, FittingWay | None]:
    """Returns the peers' ways to fit by their names; None if not installed."""
    return {
        "Keras fit, compiled each time": lambda epochs: keras_fit(task, compiled(task), epochs),
        "Keras fit, compiled once": functools.partial(keras_fit, task, compiled(task)),
        "PyTorch, a loop": functools.partial(torch_fit, task)
        if is_installed("torch")
        else None,
    }


def compiled(task: FittingTask) -> keras.Model:
    """Returns the network as Keras users would write it, compiled and with its penalty."""
    network = bayesian_cnn(task.images.shape[1:], 10, seed=0)
    network.layers[6].kernel.regularizer = keras.regularizers.L2(task.penalty)
    network.compile(
        optimizer=keras.optimizers.Adam(_LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(),
    )
    return network


def keras_fit(task: FittingTask, network: keras.Model, epochs: int) -> float:
    """Fits a compiled network from new weights."""
    fresh = bayesian_cnn(task.images.shape[1:], 10, seed=0)
    network.set_weights(fresh.get_weights())
    for variable in network.optimizer.variables[2:]:  # after the step and the learning rate
        variable.assign(tf.zeros_like(variable))
    images = task.images.astype(np.float32)
    network.fit(images, task.classes, batch_size=_BATCH, epochs=epochs, verbose=0)
    return task.error(network(task.test_images.astype(np.float32), training=False).numpy())


def torch_fit(task: FittingTask, epochs: int) -> float:
    """Fits the network in PyTorch, batch by batch."""
    import torch

    module = torch_network(bayesian_cnn(task.images.shape[1:], 10, seed=0)).train()
    optimizer = torch.optim.Adam(module.parameters(), _LEARNING_RATE)
    images, classes = _torch_images(task.images), torch.from_numpy(task.classes)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(images)), _BATCH):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(module(images[rows]), classes[rows])
            loss = loss + task.penalty * module[7].weight.square().sum()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        return task.error(module.eval()(_torch_images(task.test_images)).numpy())
