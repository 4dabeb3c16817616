import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import acquisition
from dbal_tf.acquisition import ACQUISITIONS
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.components.serving import serving_archive

_NAMES = ("low", "Größe", "high")


def _network():
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    network.layers[1].moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    network.layers[1].moving_variance.assign([900.0, 800.0, 700.0, 600.0])
    return network


def _exported(folder, posterior="mc_dropout", var_ratios="mean"):
    network = _network()
    archive, _ = serving_archive(network, posterior, var_ratios, 30, 5, _NAMES)
    archive.write_out(str(folder), verbose=False)
    return network, tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return _exported(tmp_path_factory.mktemp("saved_model"))


@pytest.fixture(scope="module")
def images(toy):
    return toy.test.images


def _call(loaded, name, images, **scalars):
    dtype = np.uint8 if name.endswith("uint8") else np.float32
    inputs = {key: tf.constant(value, tf.int64) for key, value in scalars.items()}
    result = loaded.signatures[name](images=tf.constant(images.astype(dtype)), **inputs)
    return {key: value.numpy() for key, value in result.items()}


@pytest.mark.parametrize("name", ["serving_default", "serving_uint8"])
def test_serving_gives_the_mean_over_the_samples_of_its_seed(exported, images, name):
    network, loaded = exported
    expected = predictive_statistics(network, images, 30, seed=5).mean_probs
    np.testing.assert_allclose(_call(loaded, name, images)["probs"], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["scores", "scores_uint8"])
@pytest.mark.parametrize("num_samples", [1, 25, 26, 30])
def test_scores_are_those_of_the_package(exported, images, name, num_samples):
    network, loaded = exported
    scores = _call(loaded, name, images, num_samples=num_samples, seed=11)
    statistics = predictive_statistics(network, images, num_samples, seed=11)
    assert set(scores) == {"probs", *ACQUISITIONS}
    np.testing.assert_allclose(scores["probs"], statistics.mean_probs, atol=1e-5)
    for key, function in ACQUISITIONS.items():
        np.testing.assert_allclose(scores[key], function(statistics), atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 31])
@pytest.mark.parametrize("name", ["serving_default", "serving_uint8"])
def test_any_number_of_images_is_served(exported, images, name, count):
    _, loaded = exported
    whole = _call(loaded, name, images)["probs"]
    probs = _call(loaded, name, images[:count])["probs"]
    assert probs.shape == (count, 3)
    np.testing.assert_allclose(probs, whole[:count], atol=1e-5)


def test_class_names_come_in_the_order_of_the_probabilities(exported):
    names = exported[1].signatures["class_names"]()["class_names"].numpy()
    assert [name.decode() for name in names] == list(_NAMES)


def test_no_call_changes_a_variable(exported, images):
    network, loaded = exported
    before = [value.numpy() for value in loaded.variables]
    assert len(before) >= len(network.weights) == 8
    _call(loaded, "serving_default", images)
    first, again = (_call(loaded, "scores", images, num_samples=30, seed=5) for _ in range(2))
    for value, old in zip(loaded.variables, before, strict=True):
        np.testing.assert_array_equal(value.numpy(), old)
    np.testing.assert_array_equal(first["bald"], again["bald"])


def test_votes_and_other_posteriors(tmp_path, images):
    network, loaded = _exported(tmp_path / "votes", var_ratios="votes")
    scores = _call(loaded, "scores", images, num_samples=10, seed=5)
    expected = acquisition.var_ratios_votes(predictive_statistics(network, images, 10, seed=5))
    np.testing.assert_allclose(scores["var_ratios"], expected, atol=1e-5)

    network, loaded = _exported(tmp_path / "deterministic", posterior="deterministic")
    point = np.asarray(network(images.astype(np.float32), training=False))
    probs = _call(loaded, "serving_uint8", images)["probs"]
    np.testing.assert_allclose(probs, point, atol=1e-5)


def test_no_samples_are_refused(exported, images):
    _, loaded = exported
    for name in ("scores", "scores_uint8"):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="num_samples must be at least 1"
        ):
            _call(loaded, name, images, num_samples=0, seed=5)
