import dataclasses
import pathlib

import keras
import numpy as np
import pytest

from dbal_tf.artifacts import Dataset, Examples, Model
from dbal_tf.bayesian import applications
from dbal_tf.bayesian.augmentation import FLIPS
from dbal_tf.bayesian.inference import Predictor
from dbal_tf.bayesian.networks import bayesian_cnn, source_digest
from dbal_tf.components import features
from dbal_tf.components.features import Features, origin
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.seeds import seed_for


@pytest.fixture(autouse=True)
def tiny_trunk(monkeypatch):
    """A trunk of one convolution of 8x8 images in the place of MobileNetV2."""

    def build(trunk, image_shape, seed, frozen=True):
        start = keras.initializers.HeNormal(seed)
        image = keras.Input(image_shape)
        x = keras.layers.Conv2D(5, 3, activation="relu", kernel_initializer=start)(image)
        return keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))

    monkeypatch.setattr(applications.Trunk, "build", build)
    features._built.cache_clear()
    yield
    features._built.cache_clear()


@pytest.fixture
def settings(tmp_path):
    return Config(
        model="keras.applications:MobileNetV2",
        weights="none",
        feature_cache=str(tmp_path / "cache"),
        run_dir=str(tmp_path / "run"),
    )


@pytest.fixture
def computed(monkeypatch):
    """The ids that are computed, in order."""
    ids = []
    real = features._computed

    def compute(trunk, examples, axes=()):
        ids.extend(examples.ids.tolist())
        return real(trunk, examples, axes)

    monkeypatch.setattr(features, "_computed", compute)
    return ids


def _run(config, dataset, say=lambda line: None):
    return Features.from_config(config).run(dataset, say)


def test_features_take_the_place_of_images_and_nothing_else_changes(settings, toy):
    seen = _run(settings, toy)
    assert seen.image_shape == (1, 1, 5)
    assert seen.train.images.dtype == np.float32
    for field in dataclasses.fields(Dataset):
        if field.name not in ("train", "test", "flips"):
            assert getattr(seen, field.name) is getattr(toy, field.name), field.name
    trunk, _ = Features.from_config(settings).trunk(toy)
    for ours, theirs in ((seen.train, toy.train), (seen.test, toy.test)):
        np.testing.assert_array_equal(ours.ids, theirs.ids)
        raw = np.asarray(trunk(theirs.images.astype(np.float32)))
        base = np.asarray(trunk(toy.train.images.astype(np.float32)))
        expected = (raw - base.mean(axis=0)) / base.std(axis=0)
        np.testing.assert_allclose(ours.images[:, 0, 0], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(seen.train.images.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(seen.train.images.std(axis=(0, 1, 2)), 1, atol=1e-4)


def test_each_image_goes_through_the_trunk_once(settings, toy, computed):
    lines = []
    first = _run(settings, toy, lines.append)
    assert computed == [*toy.train.ids.tolist(), *toy.test.ids.tolist()]
    assert lines[0] == "features of 91 images are computed once and kept"
    assert lines[-1] == "features: 91 of 91 images, 0 s left"
    computed.clear()
    # Other splits of the same images, as other folds and repetitions have them.
    test = Examples(toy.train.ids[:20], toy.train.images[:20])
    again = _run(settings, dataclasses.replace(toy, test=test), lines.append)
    assert (computed, len(lines)) == ([], 2)
    np.testing.assert_array_equal(again.train.images, first.train.images)


def test_a_stopped_process_goes_on_at_its_block(settings, toy, computed, monkeypatch, tmp_path):
    monkeypatch.setattr(features, "_BLOCK", 16)
    whole = _run(settings, toy)
    other = settings.replace(feature_cache=str(tmp_path / "other"))
    write = features._write

    def stop(folder, names, values):
        if len(list(folder.glob("*.npz"))) == 2:
            raise KeyboardInterrupt
        write(folder, names, values)

    with monkeypatch.context() as patch:
        patch.setattr(features, "_write", stop)
        with pytest.raises(KeyboardInterrupt):
            _run(other, toy)
    computed.clear()
    resumed = _run(other, toy)
    assert computed == [*toy.train.ids[32:].tolist(), *toy.test.ids.tolist()]
    np.testing.assert_array_equal(resumed.train.images, whole.train.images)
    np.testing.assert_array_equal(resumed.test.images, whole.test.images)


def test_other_weights_and_networks_have_features_of_their_own(settings, toy, computed):
    _run(settings, toy)
    for changes in ({"seed": 1}, {"model": "keras.applications:VGG16"}):
        computed.clear()
        _run(settings.replace(**changes), toy)
        assert len(computed) == 91


def test_data_that_changed_share_the_features_of_their_images(settings, toy, computed):
    """A label was corrected, files were renamed, an image was edited, two are copies."""
    first = _run(settings, toy)
    computed.clear()
    images = toy.train.images.copy()
    images[5] = 255 - images[5]
    images[[8, 9]] = images[5]
    train = Examples(np.char.add("moved-", toy.train.ids), images)
    again = _run(settings, dataclasses.replace(toy, train=train, checksum="other"))
    assert computed == [train.ids[5]]
    trunk, _ = Features.from_config(settings).trunk(toy)
    raw = np.asarray(trunk(images.astype(np.float32)))
    expected = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    np.testing.assert_allclose(again.train.images[:, 0, 0], expected, rtol=1e-3, atol=1e-3)
    assert not np.array_equal(again.train.images[5], first.train.images[5])


def test_repetitions_share_their_features(settings, toy, computed):
    _run(settings, toy)
    computed.clear()
    _run(settings.replace(repetition=1, run_dir="other"), toy)
    assert computed == []


def test_a_feature_that_never_changes_stays_zero_for_the_first_image_that_excites_it(toy):
    values = np.array([[0.0, 1e-7, 5.0], [0.0, 3e-7, 7.0]], np.float32)
    mean, deviation = features._moments(values)
    np.testing.assert_array_equal(mean, values.mean(axis=0))
    np.testing.assert_array_equal(deviation, [1, 1, 1])
    # Small features of a network whose features are all small are no rounding errors.
    np.testing.assert_allclose(features._moments(values[:, :2])[1], [1, 1e-7], rtol=1e-5)


def test_a_damaged_file_is_named(settings, toy):
    _run(settings, toy)
    path = next(pathlib.Path(settings.feature_cache).rglob("*.npz"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=rf"{path.name} cannot be read .*; remove the file"):
        _run(settings, toy)


def test_the_whole_model_answers_as_the_head_on_features(settings, toy):
    component = Features.from_config(settings)
    head = applications.head((1, 1, 5), 3, seed=2)
    model = Model(head, num_labels=9, weight_decay=1.0, seed=2)
    whole = component.whole(model, toy)
    assert (whole.num_labels, whole.network.input_shape) == (9, (None, 8, 8, 1))
    seen = component.run(toy, lambda line: None)
    np.testing.assert_allclose(
        Predictor(whole.network).probs(toy.test.images, 5, 0),
        Predictor(head).probs(seen.test.images, 5, 0),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "changes", [{"model": "bayesian_cnn", "weights": "imagenet"}, {"train_trunk": True}]
)
def test_networks_without_a_frozen_trunk_see_the_images(settings, toy, changes):
    component = Features.from_config(settings.replace(**changes))
    model = Model(None, 9, 1.0, 0)
    assert component.run(toy, lambda line: None) is toy
    assert component.whole(model, toy) is model
    assert toy.flips == (), "whoever trains flips the images"
    assert not pathlib.Path(settings.feature_cache).exists()


def test_the_lineage_names_the_weights(settings, toy):
    trunk, digest = Features.from_config(settings).trunk(toy)
    assert digest == applications.weights_digest(trunk)
    name = "keras.applications:MobileNetV2"
    assert origin(settings, toy, bayesian_cnn) == {"model": f"{name} {digest}"}
    own = settings.replace(model="nets:build", weights="imagenet")
    assert origin(own, toy, bayesian_cnn) == {
        "model": f"nets:build {source_digest(bayesian_cnn)}"
    }
    assert origin(Config(), toy, bayesian_cnn) == {}


def test_the_seed_is_the_runs_and_the_default_folder_the_users(settings, monkeypatch):
    made = Features.from_config(settings.replace(seed=3, repetition=2, run_dir="r"))
    assert made.seed == seed_for(3, 0, 0, "trunk")
    assert made.cache == pathlib.Path(settings.feature_cache)
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    default = Features.from_config(settings.replace(feature_cache=""))
    assert default.cache == pathlib.Path("/elsewhere/dbal_tf/features")


def test_features_of_flips_are_computed_when_they_are_read_and_once(settings, toy, computed):
    seen, ids = _run(settings, toy), toy.train.ids[[7, 3, 7 + 9]]
    computed.clear()
    trunk, _ = Features.from_config(settings).trunk(toy)
    raw = np.asarray(trunk(toy.train.images.astype(np.float32)))
    for flip, axes in zip(seen.flips, FLIPS, strict=True):
        chosen = flip.select(ids).images
        assert (chosen.shape, chosen.dtype, len(chosen)) == ((3, 1, 1, 5), np.float32, 3)
        turned = np.flip(toy.train.select(ids).images, axes).astype(np.float32)
        expected = (np.asarray(trunk(turned)) - raw.mean(axis=0)) / raw.std(axis=0)
        np.testing.assert_allclose(np.asarray(chosen)[:, 0, 0], expected, rtol=1e-3, atol=1e-3)
    assert computed == ids.tolist() * 3
    computed.clear()
    # Another run on the same data, with one image more.
    again = _run(settings.replace(repetition=1, run_dir="other"), toy)
    more = np.asarray(again.flips[0].select(toy.train.ids[[3, 4]]).images)
    assert computed == [toy.train.ids[4]]
    np.testing.assert_array_equal(more[0], np.asarray(seen.flips[0].select(ids).images)[1])
    assert np.asarray(seen.flips[0].select(ids[:0]).images).shape == (0, 1, 1, 5)
