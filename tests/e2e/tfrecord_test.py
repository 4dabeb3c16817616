"""A run on shards buys what a run on the same images in memory buys."""

import pathlib

import pytest

from dbal_tf.config import Config
from dbal_tf.datasets import digits, stored_images
from dbal_tf.datasets.shard_writer import write_shards
from dbal_tf.experiments.run import run
from dbal_tf.store import Store


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
        labels = store.labels()
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
