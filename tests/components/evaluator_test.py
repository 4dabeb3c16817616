import dataclasses
import json
import math

import keras
import numpy as np
import pytest

from dbal_tf.artifacts import Evaluation, Labels, Model
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components.evaluator import Evaluator


def _model(network):
    return Model(network, num_labels=0, weight_decay=0.0, seed=0)


def _always(probs):
    """A network that gives every image the same probabilities."""
    bias = keras.initializers.Constant(np.log(probs))
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(
                3, activation="softmax", kernel_initializer="zeros", bias_initializer=bias
            ),
        ]
    )


def test_known_answers(toy):
    # Of the 31 test items, 11 are of class 0 and 10 of each other class.
    assert np.bincount(toy.test_labels.classes).tolist() == [11, 10, 10]
    found = Evaluator("mc_dropout", 4).run(_model(_always([0.7, 0.2, 0.1])), toy, seed=0)
    logs = 11 * math.log(0.7) + 10 * math.log(0.2) + 10 * math.log(0.1)
    squares = 11 * (0.09 + 0.04 + 0.01) + 10 * (0.49 + 0.64 + 0.01) + 10 * (0.49 + 0.04 + 0.81)
    assert found.error == found.deterministic_error == 20 / 31
    assert found.nll == pytest.approx(-logs / 31, rel=1e-5)
    assert found.deterministic_nll == pytest.approx(-logs / 31, rel=1e-5)
    assert found.brier == pytest.approx(squares / 31, rel=1e-5)
    assert found.ece == pytest.approx(0.7 - 11 / 31, rel=1e-5)
    assert [row for row in found.reliability if row[0]] == [
        pytest.approx((31, 0.7, 11 / 31), rel=1e-5)
    ]
    assert (found.sensitivity, found.blessed) == (None, None)
    assert found.auc == 0.5, "all items alike"


def _calibration_error(probs, classes, bins=15):
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == classes
    of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = (abs(confidence[of == b].sum() - right[of == b].sum()) for b in range(bins))
    return sum(gaps) / len(classes)


def test_measures_are_those_of_the_mean_over_the_samples(toy):
    network = bayesian_cnn((8, 8, 1), 3, seed=2)
    found = Evaluator("mc_dropout", num_samples=6).run(_model(network), toy, seed=9)
    images, classes = toy.test.images, toy.test_labels.classes
    probs = predictive_statistics(network, images, 6, seed=9).mean_probs.astype(np.float64)
    point = np.asarray(network(images.astype(np.float32), training=False), np.float64)
    rows = np.arange(31)
    expected = {
        "error": (probs.argmax(axis=1) != classes).mean(),
        "nll": -np.log(probs[rows, classes]).mean(),
        "brier": ((probs - np.eye(3)[classes]) ** 2).sum(axis=1).mean(),
        "ece": _calibration_error(probs, classes),
        "deterministic_error": (point.argmax(axis=1) != classes).mean(),
        "deterministic_nll": -np.log(point[rows, classes]).mean(),
    }
    measured = {name: getattr(found, name) for name in expected}
    assert measured == pytest.approx(expected, rel=1e-5)
    assert found.error != found.deterministic_error
    assert found.nll != pytest.approx(found.deterministic_nll, rel=1e-5)


def test_the_seed_decides_the_samples_and_all_are_plain_floats(toy):
    model, evaluator = _model(bayesian_cnn((8, 8, 1), 3, seed=1)), Evaluator("mc_dropout", 3)
    one, same, other = (evaluator.run(model, toy, seed) for seed in (1, 1, 2))
    assert one == same
    assert one.nll != other.nll
    assert one.deterministic_nll == other.deterministic_nll
    plain = json.loads(json.dumps(dataclasses.asdict(one)))
    assert Evaluation(**plain) == one


def test_the_deterministic_posterior_measures_one_pass(toy):
    model = _model(bayesian_cnn((8, 8, 1), 3, seed=1))
    found = Evaluator("deterministic", num_samples=50).run(model, toy, seed=0)
    assert (found.error, found.nll) == (found.deterministic_error, found.deterministic_nll)


def test_two_classes_have_an_auc(toy):
    classes = np.minimum(toy.test_labels.classes, 1)
    test_labels = Labels(toy.test.ids, classes)
    two = dataclasses.replace(toy, test_labels=test_labels, class_names=("low", "high"))
    network = bayesian_cnn((8, 8, 1), 2, seed=1)
    found = Evaluator("mc_dropout", 4).run(_model(network), two, seed=3)
    high = predictive_statistics(network, two.test.images, 4, seed=3).mean_probs[:, 1]
    pairs = high[classes == 1][:, None] - high[classes == 0]
    assert found.auc == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
