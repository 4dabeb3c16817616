import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import acquisition
from dbal_tf.acquisition import ACQUISITIONS
from dbal_tf.artifacts import Model
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.components.pusher import Pusher


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


def _run(folder, toy, version=7, **changes):
    network = _network()
    settings = {"posterior": "mc_dropout", "num_samples": 30, "var_ratios": "mean", **changes}
    path = Pusher(folder, **settings).run(Model(network, 9, 1.0, 0), toy, version, seed=5)
    return network, path


@pytest.fixture(scope="module")
def exported(tmp_path_factory, toy):
    network, path = _run(tmp_path_factory.mktemp("run") / "export", toy)
    return network, path, tf.saved_model.load(str(path))


@pytest.fixture(scope="module")
def images(toy):
    return toy.test.images.astype(np.float32)


def _scores(loaded, images, num_samples=30, seed=5):
    result = loaded.signatures["scores"](
        images=tf.constant(images),
        num_samples=tf.constant(num_samples, tf.int64),
        seed=tf.constant(seed, tf.int64),
    )
    return {name: value.numpy() for name, value in result.items()}


def test_a_version_has_its_folder_and_nothing_half_written_stays(exported):
    _, path, _ = exported
    assert (path.parent.name, path.name) == ("export", "7")
    assert (path / "saved_model.pb").is_file()
    assert [entry.name for entry in path.parent.iterdir()] == ["7"]


def test_serving_gives_the_mean_over_the_samples_of_its_seed(exported, images):
    network, _, loaded = exported
    probs = loaded.signatures["serving_default"](images=tf.constant(images))["probs"]
    expected = predictive_statistics(network, images, 30, seed=5).mean_probs
    np.testing.assert_allclose(probs, expected, atol=1e-5)


@pytest.mark.parametrize("num_samples", [1, 25, 26, 30])
def test_scores_are_those_of_the_package(exported, images, num_samples):
    network, _, loaded = exported
    scores = _scores(loaded, images, num_samples, seed=11)
    statistics = predictive_statistics(network, images, num_samples, seed=11)
    assert set(scores) == {"probs", *ACQUISITIONS}
    np.testing.assert_allclose(scores["probs"], statistics.mean_probs, atol=1e-5)
    for name, function in ACQUISITIONS.items():
        np.testing.assert_allclose(scores[name], function(statistics), atol=1e-5)


def test_no_call_changes_a_variable(exported, images):
    network, _, loaded = exported
    before = [value.numpy() for value in loaded.variables]
    assert len(before) >= len(network.weights) == 8
    loaded.signatures["serving_default"](images=tf.constant(images))
    first, again = (_scores(loaded, images) for _ in range(2))
    for value, old in zip(loaded.variables, before, strict=True):
        np.testing.assert_array_equal(value.numpy(), old)
    np.testing.assert_array_equal(first["bald"], again["bald"])


def test_batch_normalization_uses_its_moving_averages(exported, images):
    _, _, loaded = exported
    whole, alone = _scores(loaded, images), _scores(loaded, images[4:5])
    np.testing.assert_allclose(alone["probs"], whole["probs"][4:5], atol=1e-5)


def test_an_older_export_of_the_number_is_replaced(tmp_path, toy, images):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "old").touch()
    (tmp_path / ".7.partial").mkdir()
    (tmp_path / ".7.partial" / "cut off").touch()
    network, path = _run(tmp_path, toy, var_ratios="votes", posterior="mc_dropout")
    assert [entry.name for entry in tmp_path.iterdir()] == ["7"]
    assert not {"old", "cut off"} & {entry.name for entry in path.iterdir()}
    scores = _scores(tf.saved_model.load(str(path)), images, num_samples=10)
    statistics = predictive_statistics(network, images, 10, seed=5)
    np.testing.assert_allclose(
        scores["var_ratios"], acquisition.var_ratios_votes(statistics), atol=1e-5
    )
