"""Tests of the room's public names."""

import subprocess
import sys

import numpy as np

from dbal_tf import baselines


def test_every_public_name_is_there() -> None:
    assert sorted(baselines.__all__) == baselines.__all__
    assert all(hasattr(baselines, name) for name in baselines.__all__)


def test_the_example_of_the_room() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1)).astype(np.uint8)
    graph = baselines.knn_graph(baselines.pixels(images))
    rows, classes = np.array([0, 1]), np.array([0, 1])
    mbr = baselines.MinimumBayesRisk(graph, rows, classes, num_classes=2)
    query = mbr.query(10, seed=0)
    assert len(set(query.tolist())) == 10
    mbr.label(query[0], 1)
    assert mbr.probs_nc[query[0]].tolist() == [0, 1]
    start = baselines.harmonic(graph, rows, classes, 2)
    assert baselines.risk(mbr.probs_nc) != baselines.risk(start)


def test_a_modules_name_is_that_of_its_function() -> None:
    from dbal_tf.baselines.harmonic import harmonic

    assert baselines.harmonic is harmonic


def test_the_room_needs_no_tensorflow() -> None:
    script = "import sys, dbal_tf.baselines; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
