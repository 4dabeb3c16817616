import dataclasses

import numpy as np
import pytest
from dbal_tf.components.graph_learning import GraphAcquirer, GraphClassifier, ImageGraph

from dbal_tf.artifacts import Evaluation, Labels
from dbal_tf.baselines import graph as graphs
from dbal_tf.baselines.graph import knn_graph, pixels
from dbal_tf.baselines.harmonic import harmonic
from dbal_tf.baselines.mbr import MinimumBayesRisk, risk
from dbal_tf.core import InputError

GRAPH = ImageGraph(neighbors=5, scale=0.0)
_NETWORKS = Evaluation(0.5, 1.0, 0.5, 0.1, 0.5, 1.0)


@pytest.fixture
def initial(toy):
    return toy.hidden.select(toy.splits.initial_ids)


def _choose(toy, labels, subset=0, k=4, seed=3, candidates=None):
    ids = toy.unlabelled(labels) if candidates is None else candidates
    return GraphAcquirer(k, subset, GRAPH).run(toy, labels, ids, seed)


def test_the_query_is_that_of_the_method_on_the_initial_set_and_the_pool(toy, initial):
    scores, query = _choose(toy, initial)
    outside = set(toy.splits.validation_ids)
    nodes = toy.train.select(np.array([i for i in toy.train.ids if i not in outside]))
    mbr = MinimumBayesRisk(
        knn_graph(pixels(nodes.images), 5), nodes.rows(initial.ids), initial.classes, 3
    )
    candidates = nodes.rows(toy.splits.pool_ids)
    assert query.ids.tolist() == nodes.ids[mbr.query(4, 3, candidates)].tolist()
    assert scores.ids.tolist() == toy.splits.pool_ids.tolist()
    falls = risk(mbr.probs_nc) - mbr.expected_risks(candidates)
    np.testing.assert_allclose(scores.values, np.maximum(falls, 0), atol=1e-12)
    values = dict(zip(scores.ids.tolist(), scores.values.tolist(), strict=True))
    assert query.scores.tolist() == [values[item] for item in query.ids.tolist()]


def test_only_candidates_are_chosen_and_no_hidden_label_is_seen(toy, initial):
    few = toy.splits.pool_ids[5:20]
    scores, query = _choose(toy, initial, candidates=few)
    assert set(query.ids) <= set(few) == set(scores.ids)
    shuffled = Labels(toy.hidden.ids, np.roll(toy.hidden.classes, 1))
    other = dataclasses.replace(
        toy, hidden=shuffled, test_labels=Labels(toy.test.ids, 0 * toy.test_labels.classes)
    )
    assert _choose(other, initial, candidates=few)[1].ids.tolist() == query.ids.tolist()


def test_a_subset_is_what_may_be_chosen(toy, initial):
    scores, query = _choose(toy, initial, subset=12)
    assert len(scores.ids) == 12
    assert set(query.ids) <= set(scores.ids)
    assert set(_choose(toy, initial, subset=12, seed=4)[0].ids) != set(scores.ids)


def test_labels_of_one_class_are_refused(toy, initial):
    one = initial.select(initial.ids[initial.classes == 1])
    with pytest.raises(InputError, match="All 2 labels are of class 1"):
        _choose(toy, one)


def test_the_classifier_is_transductive(toy, initial):
    measured = GraphClassifier(GRAPH).run(_NETWORKS, toy, initial)
    assert (measured.error, measured.nll) == (_NETWORKS.error, _NETWORKS.nll)
    outside = set(toy.splits.validation_ids)
    nodes = toy.train.select(np.array([i for i in toy.train.ids if i not in outside]))
    images = np.concatenate([nodes.images, toy.test.images])
    probs_nc = harmonic(
        knn_graph(pixels(images), 5), nodes.rows(initial.ids), initial.classes, 3
    )
    wrong = probs_nc[-31:].argmax(axis=1) != toy.test_labels.classes
    assert measured.graph_error == pytest.approx(wrong.mean())
    assert 0 <= measured.graph_mass_error <= 0.4
    everything = toy.hidden.select(
        np.concatenate([toy.splits.initial_ids, toy.splits.pool_ids])
    )
    all_known = GraphClassifier(GRAPH).run(_NETWORKS, toy, everything)
    assert all_known.graph_error <= measured.graph_error


def test_images_are_joined_once(toy, initial, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "dbal_tf.components.graph_learning.similarity_graph",
        lambda *given: calls.append(1) or graphs.similarity_graph(*given),
    )
    graph = ImageGraph(5, 0.0)
    for _ in range(2):
        GraphClassifier(graph).run(_NETWORKS, toy, initial)
        GraphAcquirer(2, 0, graph).run(toy, initial, toy.splits.pool_ids, 0)
    assert len(calls) == 2


def test_what_cannot_be_joined_is_refused(toy, monkeypatch):
    ImageGraph(50, 0.0).check(toy)
    with pytest.raises(InputError, match=r"--graph_neighbors=51 .* with 51 images.*at most 50"):
        ImageGraph(51, 0.0).check(toy)
    # Two matrices of 51 x 51, but not five of 82 x 82.
    monkeypatch.setattr(graphs, "_available_bytes", lambda: 8 * 3 * 51**2)
    ImageGraph(5, 0.0).check(toy)
    with pytest.raises(InputError, match=r"A graph of 82 images takes .* as --pool_size does"):
        ImageGraph(0, 1.0).check(toy)
