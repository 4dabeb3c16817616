"""Positives that were bought, and paired differences, from runs written by hand."""

import numpy as np
import pytest

from dbal_tf.config import Config
from dbal_tf.experiments import rare_class
from dbal_tf.experiments.groups import group_results
from dbal_tf.reporting.uncertainty import t_half_width


@pytest.fixture
def compared(lesion_runs):
    _, results = lesion_runs(
        bald=[([0.6, 0.8], [1, 3]), ([0.5, 0.6], [1, 2])],
        random=[([0.6, 0.7], [1, 1]), ([0.5, 0.4], [1, 2]), ([0.5, 0.9], [1, 2])],
    )
    found = rare_class.compared(group_results(results))
    return {one.group.acquisition: one for one in found}


def test_means(compared):
    auc = compared["random"].mean("auc")
    np.testing.assert_array_equal(auc.x_p, [4, 7])
    np.testing.assert_allclose(auc.y_p, [1.6 / 3, 2 / 3])
    assert np.isnan(auc.half_width_p).all()
    np.testing.assert_allclose(compared["bald"].mean("positives").y_p, [1, 2.5])


def test_differences_are_within_repetitions(compared):
    bald = compared["bald"]
    assert (bald.has_pairs, compared["random"].has_pairs) == (True, False)
    labels_p, values_rp = bald.differences("auc")
    assert labels_p.tolist() == [4, 7]
    np.testing.assert_allclose(values_rp, [[0, 0.1], [0, 0.2]], atol=1e-12)
    found = bald.minus_random("auc")
    np.testing.assert_allclose(found.y_p, [0, 0.15], atol=1e-12)
    # Two folds: as many test images as training images.
    expected = t_half_width(np.array([0.1, 0.2])) * np.sqrt(1 + 2)
    np.testing.assert_allclose(found.half_width_p, [0, expected], atol=1e-12)
    np.testing.assert_allclose(bald.differences("positives")[1], [[0, 2], [0, 0]])


def test_without_random_there_are_no_pairs(lesion_runs):
    _, results = lesion_runs(bald=[([0.6, 0.8], [1, 3])])
    [bald] = rare_class.compared(group_results(results))
    assert not bald.has_pairs


def test_first_queries_are_counted(lesion_runs):
    _, results = lesion_runs(bald=[([0.6, 0.8], [1, 3])] * 2, random=[([0.6], [1])], rounds=1)
    asked = rare_class.first_queries(results)
    assert asked == {
        "bald": {"0-bald-4": 1, "0-bald-5": 1, "0-bald-6": 1}
        | {"1-bald-4": 1, "1-bald-5": 1, "1-bald-6": 1}
    }
    classes = rare_class.classes_of(results)
    assert len(classes) == 7 + 7 + 4
    assert sum(classes.values()) == 3 + 3 + 1


def test_the_positive_class_is_named():
    counts = {"initial_counts": ("malignant:20", "benign:80")}
    assert rare_class.positive_name(Config(**counts)) == "malignant"
    assert rare_class.positive_name(Config(classes=("2", "8"))) == "8"
    assert rare_class.positive_name(Config()) == "class 1"


def test_cells():
    assert rare_class.interval_cell(np.array([0.1, 0.2]), 0, "+.2f") == "+0.15 ± 0.64 (± 0.64)"
    assert rare_class.interval_cell(np.array([0.1]), 0.25, "+.2f") == "+0.10 ± - (± -)"
    assert rare_class.interval_cell(np.zeros(0), 0.25, ".2f") == "-"
