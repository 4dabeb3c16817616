"""The paper's network: its layers, its sizes and its seed; networks of one's own."""

import doctest
import functools
import hashlib
import importlib
import linecache
import pathlib
import sys
from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
from keras import layers

from dbal_tf import config
from dbal_tf.bayesian import networks
from dbal_tf.bayesian.ensemble import ensemble
from dbal_tf.bayesian.inference import Predictor
from dbal_tf.bayesian.networks import (
    INITIALIZERS,
    NETWORKS,
    bayesian_cnn,
    model_name,
    network_factory,
    source_digest,
)
from dbal_tf.bayesian.posteriors import McDropout
from dbal_tf.bayesian.variational import variational
from dbal_tf.core import InputError


def test_every_name_of_the_flag_has_a_network() -> None:
    assert tuple(NETWORKS) == config.MODELS
    assert tuple(INITIALIZERS) == config.INITIALIZERS


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_one(name: str, shape: tuple[int, int, int]) -> None:
    factory = network_factory(name)
    network, same, other = (factory(shape, 4, seed) for seed in (5, 5, 6))
    for weights, again in zip(network.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, again)
    kernels = [w for w in network.get_weights() if w.ndim > 1]
    for kernel, another in zip(
        kernels, [w for w in other.get_weights() if w.ndim > 1], strict=True
    ):
        assert (kernel != another).mean() > 0.99
    first = [kernel.flat[0] for kernel in kernels]
    assert len(set(first)) == len(first), "two kernels begin alike"
    # The fast form: convolutions once per image, one product for all samples of the head.
    posterior = McDropout(network)
    assert posterior._packed is not None
    assert not any("seed" in v.name or "moving" in v.name for v in network.weights)
    images = np.random.default_rng(0).integers(0, 256, (6, *shape)).astype(np.uint8)
    probs = Predictor(network).probs(images, 8, seed=0)
    assert probs.shape == (6, 8, 4) and (probs[:, 0] != probs[:, 1]).any()
    np.testing.assert_allclose(probs.sum(axis=2), 1, atol=1e-5)


def test_the_papers_shapes() -> None:
    network = bayesian_cnn((28, 28, 1), 10, seed=0)
    shapes = [tuple(layer.output.shape[1:]) for layer in network.layers]
    convolutions = [(28, 28, 1), (25, 25, 32), (22, 22, 32), (11, 11, 32), (11, 11, 32)]
    assert shapes == [*convolutions, (3872,), (128,), (128,), (10,)]
    # 4*4*32 + 32, 4*4*32*32 + 32, 3872*128 + 128, 128*10 + 10.
    assert network.count_params() == 544 + 16_416 + 495_744 + 1_290


def test_the_papers_layers() -> None:
    network = bayesian_cnn((28, 28, 1), 10, seed=0)
    rates = [x.rate for x in network.layers if isinstance(x, keras.layers.Dropout)]
    activations = [x.activation.__name__ for x in network.layers if hasattr(x, "activation")]
    assert rates == [0.25, 0.5]
    assert activations == ["relu", "relu", "relu", "softmax"]


def test_the_kernel_size_can_be_chosen() -> None:
    network = bayesian_cnn((28, 28, 1), 10, seed=0, kernel_size=3)
    shapes = [layer.output.shape[1:3] for layer in network.layers[1:4]]
    assert shapes == [(26, 26), (24, 24), (12, 12)]
    assert network.layers[1].kernel.shape == (3, 3, 1, 32)


def test_pixel_values_are_scaled_inside() -> None:
    network = bayesian_cnn((8, 8, 1), 3, seed=0)
    white = np.full((1, 8, 8, 1), 255.0)
    np.testing.assert_array_equal(network.layers[0](white), np.ones((1, 8, 8, 1)))


def _weights(seed: int, initializer: str = "glorot_uniform") -> list[np.ndarray]:
    return bayesian_cnn((8, 8, 2), 3, seed, initializer=initializer).get_weights()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_seed_fixes_the_weights(name: str) -> None:
    ours, others = _weights(5, name), _weights(6, name)
    for one, same in zip(ours, _weights(5, name), strict=True):
        np.testing.assert_array_equal(one, same)
    for kernel, other in zip(ours[::2], others[::2], strict=True):
        assert (kernel != other).mean() > 0.99
    assert all(not bias.any() for bias in ours[1::2])


def test_initial_weights_are_glorot_uniform() -> None:
    for kernel in _weights(5)[::2]:
        receptive = np.prod(kernel.shape[:-2])
        _check_uniform(kernel, np.sqrt(6 / (receptive * sum(kernel.shape[-2:]))))


def test_early_keras_counts_the_output_maps_alone() -> None:
    kernels = _weights(5, "early_keras")[::2]
    # 4*4*2 + 32, 4*4*32 + 32, then dense layers, which are as today.
    for kernel, fans in zip(kernels, (64, 544, 32 + 128, 128 + 3), strict=True):
        _check_uniform(kernel, np.sqrt(6 / fans))


def _check_uniform(kernel: np.ndarray, limit: float) -> None:
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    # The mean of n uniform numbers has standard deviation limit / sqrt(3 n).
    assert abs(kernel.mean()) < 5 * limit / np.sqrt(3 * kernel.size)


_MODULE = """
import functools, keras
from keras import layers

NUMBER = 3

def build(image_shape, num_classes, seed, units=None):
    def initial(offset):
        return keras.initializers.GlorotUniform(seed + offset)
    return keras.Sequential([
        keras.Input(image_shape),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(units or num_classes, activation="softmax", kernel_initializer=initial(0)),
    ])

def too_wide(image_shape, num_classes, seed):
    return build(image_shape, num_classes, seed, units=num_classes + 1)

def other_images(image_shape, num_classes, seed):
    return build((*image_shape[:2], 3), num_classes, seed)

def not_built(image_shape, num_classes, seed):
    return keras.Sequential([layers.Flatten(), layers.Dense(num_classes)])

def nothing(image_shape, num_classes, seed):
    build(image_shape, num_classes, seed)

def two_parameters(image_shape, num_classes):
    pass

class Family:
    @staticmethod
    def build(image_shape, num_classes, seed):
        return build(image_shape, num_classes, seed)

    def __call__(self, image_shape, num_classes, seed):
        return build(image_shape, num_classes, seed)
"""


@pytest.fixture
def own(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """A module of one's own, own_nets.build, in the current folder."""
    (tmp_path / "own_nets").mkdir()
    path = tmp_path / "own_nets" / "build.py"
    path.write_text(_MODULE)
    for name, text in (("broken", "def f(:"), ("needy", "import no_such_library")):
        path.with_name(f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    # A console script starts like this, too: sys.path lacks the current folder.
    monkeypatch.setattr(sys, "path", [x for x in sys.path if x])
    assert str(tmp_path) not in sys.path
    importlib.invalidate_caches()
    yield path
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_nets"]:
        del sys.modules[name]


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(networks) == (0, 2)


def test_a_name_of_the_flag_stands_for_its_factory() -> None:
    made = network_factory("bayesian_cnn", kernel_size=3, initializer="early_keras")(
        (8, 8, 1), 3, 5
    )
    expected = bayesian_cnn((8, 8, 1), 3, 5, kernel_size=3, initializer="early_keras")
    for one, other in zip(made.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["build", "Family.build"])
def test_a_factory_of_ones_own_by_its_name(own: pathlib.Path, name: str) -> None:
    factory = network_factory(f"own_nets.build:{name}")
    network = factory((4, 5, 2), 3, 7)
    assert (network.input_shape, network.output_shape) == ((None, 4, 5, 2), (None, 3))
    again, other = factory((4, 5, 2), 3, 7), factory((4, 5, 2), 3, 8)
    np.testing.assert_array_equal(network.get_weights()[0], again.get_weights()[0])
    assert (network.get_weights()[0] != other.get_weights()[0]).any()
    assert model_name(factory) == f"own_nets.build:{name}"
    assert source_digest(factory) == hashlib.sha256(own.read_bytes()).hexdigest()
    config.Config(model=model_name(factory))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnet",
            "--model=resnet cannot be imported .*expected bayesian_cnn, bayesian_resnet or",
        ),
        (
            "no_nets:build",
            r"--model=no_nets:build cannot be imported \(ModuleNotFoundError: No module named "
            "'no_nets'\\); expected bayesian_cnn, bayesian_resnet or package.module:function, "
            "in the current folder or installed",
        ),
        ("own_nets.broken:f", r"cannot be imported \(SyntaxError: "),
        ("own_nets.needy:f", "No module named 'no_such_library'"),
        ("own_nets.build:built", "names 'built', which own_nets.build does not have; expected"),
        (
            "own_nets.build:NUMBER",
            "--model=own_nets.build:NUMBER is a int; expected a function",
        ),
        (
            "own_nets.build:two_parameters",
            r"has the parameters \(image_shape, num_classes\); expected \(image_shape, "
            r"num_classes, seed\); change",
        ),
    ],
)
def test_names_that_no_factory_has(own: pathlib.Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        network_factory(name)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "too_wide",
            r"returned a model from \(None, 4, 4, 1\) to \(None, 4\); expected one from "
            r"\(None, 4, 4, 1\) to \(None, 3\); use image_shape for keras.Input",
        ),
        ("other_images", r"from \(None, 4, 4, 3\) to \(None, 3\); expected one from"),
        ("not_built", "has no input shape yet; begin it with"),
        ("nothing", "returned a NoneType; expected a Sequential or Functional model"),
    ],
)
def test_what_a_factory_may_not_return(own: pathlib.Path, name: str, message: str) -> None:
    factory = network_factory(f"own_nets.build:{name}")
    with pytest.raises(InputError, match=message):
        factory((4, 4, 1), 3, 0)


def _own(image_shape: tuple[int, ...], num_classes: int, seed: int) -> keras.Model:
    return keras.Sequential(
        [
            *(keras.Input(image_shape), layers.Flatten(), layers.Dropout(0.5, seed=seed)),
            layers.Dense(num_classes, activation="softmax"),
        ]
    )


def test_a_factory_may_be_given_as_it_is() -> None:
    factory = network_factory(_own)
    assert factory((4, 4, 1), 3, 0).output_shape == (None, 3)
    here = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    same = _own, factory, functools.partial(_own), network_factory(factory)
    for one in (*same, ensemble(factory, 2), variational(factory)):
        assert model_name(one) == f"{__name__}:_own"
        assert source_digest(one) == here
    with pytest.raises(InputError, match="is a list; expected a function"):
        network_factory([])
    with pytest.raises(InputError, match="returned a model from"):
        network_factory(lambda *_: _own((4, 4, 3), 3, 0))((4, 4, 1), 3, 0)


def test_names_of_what_no_module_has() -> None:
    def local(image_shape: tuple[int, ...], num_classes: int, seed: int) -> keras.Model:
        return _own(image_shape, num_classes, seed)

    class Maker:
        __call__ = staticmethod(local)

    unnamed: Callable[..., keras.Model] = lambda *_: _own((4, 4, 1), 3, 0)  # noqa: E731
    for factory in (local, Maker(), unnamed):
        name = model_name(factory)
        assert config.Config(model=name).model == name


def test_source_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_digest(len) == ""
    typed = dict(__name__="typed")
    exec(compile("def build(a, b, c): pass", "<a cell>", "exec"), typed)
    assert source_digest(typed["build"]) == ""
    # What a notebook does, so that tracebacks can show a cell.
    text = "def build(a, b, c): pass"
    cell = (len(text), None, [f"{text}\n"], "<a cell>")
    monkeypatch.setitem(linecache.cache, "<a cell>", cell)
    expected = hashlib.sha256(f"{text}\n".encode()).hexdigest()
    assert source_digest(typed["build"]) == expected


def test_images_that_are_too_large_for_the_papers_network_are_refused_before_it_is_built():
    with pytest.raises(InputError) as error:
        networks.bayesian_cnn((3000, 4000, 3), 2, seed=0)
    assert str(error.value) == (
        "--model=bayesian_cnn has 12,245,028,864 weights for images of 3000 x 4000 pixels; "
        "expected at most 100,000,000; give a smaller --image_size, such as 96, or another "
        "--model."
    )
