"""A run on shards buys what a run on the same images in memory buys."""

import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from dbal_tf.config import Config
from dbal_tf.datasets import digits, mnist, stored_images, tfrecord
from dbal_tf.datasets.shard_writer import write_shards
from dbal_tf.experiments.engine import run
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters", "checked_here")

_TOOL = pathlib.Path(__file__).parents[2] / "tools" / "make_tfrecord.py"


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> pathlib.Path:
    """The digits as PNGs in shards, under the ids that they have."""
    folder, source = tmp_path_factory.mktemp("shards"), digits.load("")
    for split, items, classes, count in (
        ("train", source.train, source.train_classes, 3),
        ("test", source.test, source.test_classes, 1),
    ):
        write_shards(folder, split, items.images, classes, items.ids, count, encoded=True)
    return folder


def _results(config: Config) -> tuple:
    [curve] = run(config, lambda _: None)["var_ratios"]
    with Store(pathlib.Path(config.run_dir)) as store:
        labels = store.reader.labels()
    return labels.ids.tolist(), labels.classes.tolist(), [point.evaluation for point in curve]


def test_two_rounds_are_those_of_arrays(tiny, shards, tmp_path, no_export, monkeypatch):
    monkeypatch.setattr(stored_images, "_MOST_AT_ONCE", 300)
    both = tiny.replace(rounds=2, pool_subset=0, weight_decay="auto")
    arrays = _results(both.replace(run_dir=str(tmp_path / "arrays")))
    streamed = _results(
        both.replace(dataset="tfrecord", data_dir=str(shards), run_dir=str(tmp_path / "shards"))
    )
    assert streamed == arrays
    assert len(arrays[0]) == 40


@pytest.fixture(scope="module")
def make_tfrecord():
    """The module of the tool of that name."""
    spec = importlib.util.spec_from_file_location("make_tfrecord", _TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tool_writes_a_larger_pool(make_tfrecord, mnist_dir, tmp_path, monkeypatch):
    flags = ["--count=70", "--shards=3", f"--data_dir={mnist_dir}", f"--out={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["make_tfrecord", *flags])
    make_tfrecord.main()
    source, original = tfrecord.load(str(tmp_path)), mnist.load(str(mnist_dir))
    assert source.train.ids[[0, -1]].tolist() == ["train-00000/0000000", "train-00002/0000023"]
    assert source.train_classes.tolist() == original.train_classes[:70].tolist()
    np.testing.assert_array_equal(source.test.images[-2:], original.test.images[-2:])


def test_the_tools_images_are_shifted_by_up_to_three_pixels(make_tfrecord):
    point = np.zeros((2, 9, 9, 1), np.uint8)
    point[0, 4, 4], point[1, 4, 4] = 1, 2
    shifted = make_tfrecord.Shifted(point, 2000, seed=0)
    images = shifted[:]
    assert shifted.shape == images.shape == (2000, 9, 9, 1)
    assert images.max(axis=(1, 2, 3)).tolist() == [1, 2] * 1000
    _, rows, columns, _ = np.nonzero(images)
    assert len(rows) == 2000
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {
        (row, column) for row in range(1, 8) for column in range(1, 8)
    }
    np.testing.assert_array_equal(shifted[500:700], images[500:700])
