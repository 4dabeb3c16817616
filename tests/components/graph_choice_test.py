import dataclasses

import numpy as np
import pytest

from dbal_tf.artifacts import Evaluation, Labels
from dbal_tf.baselines import graph as graphs
from dbal_tf.baselines.graph import knn_graph, pixels
from dbal_tf.baselines.harmonic import class_mass_normalised, harmonic
from dbal_tf.baselines.mbr import MinimumBayesRisk, risk
from dbal_tf.components import graph_choice
from dbal_tf.components.graph_choice import GraphChooser, ImageGraph
from dbal_tf.config import Config
from dbal_tf.core import InputError

_NETWORKS = Evaluation(0.5, 1.0, 0.5, 0.1, 0.5, 1.0)


@pytest.fixture
def initial(toy):
    return toy.hidden.select(toy.splits.initial_ids)


def _chooser(toy, k=4, subset=0):
    config = Config(
        acquisition=("mbr",), acquisition_size=k, pool_subset=subset, graph_neighbors=5
    )
    return GraphChooser.from_config(config, toy)


def _choose(toy, labels, subset=0, seed=3, candidates=None, k=4):
    ids = toy.unlabelled(labels.ids) if candidates is None else candidates
    pool = toy.train.select(ids)
    return _chooser(toy, k, subset).run(None, labels, pool, {"ties": seed}.__getitem__)


def test_the_query_is_that_of_the_method_on_the_initial_set_and_the_pool(toy, initial):
    scores, query = _choose(toy, initial)
    outside = set(toy.splits.validation_ids)
    nodes = toy.train.select(np.array([i for i in toy.train.ids if i not in outside]))
    mbr = MinimumBayesRisk(
        knn_graph(pixels(nodes.images), 5), nodes.rows(initial.ids), initial.classes, 3
    )
    candidates = nodes.rows(toy.splits.pool_ids)
    assert query.ids[:4].tolist() == nodes.ids[mbr.query(4, 3, candidates)].tolist()
    assert scores.ids.tolist() == toy.splits.pool_ids.tolist()
    falls = risk(mbr.probs_nc) - mbr.expected_risks(candidates)
    np.testing.assert_allclose(scores.values, np.maximum(falls, 0), atol=1e-12)
    values = dict(zip(scores.ids.tolist(), scores.values.tolist(), strict=True))
    assert query.scores.tolist() == [values[item] for item in query.ids.tolist()]


def test_the_reserve_are_the_best_of_the_others_each_judged_alone(toy, initial):
    unlike = Labels(initial.ids, np.array([0, 1, 0, 1, 2, 2]))
    scores, query = _choose(toy, unlike)
    values = dict(zip(scores.ids.tolist(), scores.values.tolist(), strict=True))
    others = sorted(
        (values[item] for item in values if item not in query.ids[:4]), reverse=True
    )
    assert others[0] > others[3] > 1e-3
    np.testing.assert_allclose(query.scores[4:], others[:4], atol=1e-9)
    assert (query.standard_errors, query.entropies) == (None, None)


def test_a_reserve_that_differs_by_rounding_alone_is_ordered_by_the_seed(toy, initial):
    """As long as no label can change a decision, none lowers the risk."""
    chooser, pool = _chooser(toy), toy.train.select(toy.splits.pool_ids)
    reserves = []
    for seed in range(30):
        scores, query = chooser.run(None, initial, pool, lambda _, seed=seed: seed)
        reserves.append(query.ids[4:].tolist())
    assert scores.values.max() < 1e-9
    _, counts = np.unique(reserves, return_counts=True)
    assert len(counts) > 35
    assert counts.max() <= 10


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
    chooser = _chooser(toy)
    measured = chooser.evaluate(_NETWORKS, initial)
    assert (measured.error, measured.nll) == (_NETWORKS.error, _NETWORKS.nll)
    outside = set(toy.splits.validation_ids)
    nodes = toy.train.select(np.array([i for i in toy.train.ids if i not in outside]))
    images = np.concatenate([nodes.images, toy.test.images])
    probs_nc = harmonic(
        knn_graph(pixels(images), 5), nodes.rows(initial.ids), initial.classes, 3
    )
    wrong = probs_nc[-31:].argmax(axis=1) != toy.test_labels.classes
    assert measured.graph_error == pytest.approx(wrong.mean())
    is_free = np.ones(len(probs_nc), bool)
    is_free[nodes.rows(initial.ids)] = False
    shares = np.bincount(initial.classes, minlength=3) / len(initial)
    massed = class_mass_normalised(probs_nc[is_free], shares)
    wrong = massed[-31:].argmax(axis=1) != toy.test_labels.classes
    assert measured.graph_mass_error == pytest.approx(wrong.mean())
    everything = toy.hidden.select(
        np.concatenate([toy.splits.initial_ids, toy.splits.pool_ids])
    )
    all_known = chooser.evaluate(_NETWORKS, everything)
    assert all_known.graph_error <= measured.graph_error


def test_images_are_joined_once_for_all_rounds(toy, initial, monkeypatch):
    joined = []

    def similarity_graph(pixels_nd, *given):
        joined.append(len(pixels_nd))
        return graphs.similarity_graph(pixels_nd, *given)

    monkeypatch.setattr(graph_choice, "similarity_graph", similarity_graph)
    chooser = _chooser(toy, k=2)
    pool = toy.train.select(toy.splits.pool_ids)
    for seed in range(2):
        chooser.evaluate(_NETWORKS, initial)
        chooser.run(None, initial, pool, lambda _, seed=seed: seed)
    assert joined == [51, 51 + 31], "the initial set and the pool; the test images too"


def test_what_cannot_be_joined_is_refused(toy, monkeypatch):
    ImageGraph(50, 0.0).check(toy)
    with pytest.raises(InputError, match=r"--graph_neighbors=51 .* with 51 images.*at most 50"):
        ImageGraph(51, 0.0).check(toy)
    # Two matrices of 51 x 51, but not five of 82 x 82.
    monkeypatch.setattr(graphs, "_available_bytes", lambda: 8 * 3 * 51**2)
    ImageGraph(5, 0.0).check(toy)
    with pytest.raises(InputError, match=r"A graph of 82 images takes .* as --pool_size does"):
        ImageGraph(0, 1.0).check(toy)
