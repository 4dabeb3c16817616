"""One round on real MNIST, in small."""

import pathlib

import pytest

from dbal_tf import loop
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.store.writer import Store


@pytest.fixture(scope="module")
def config(mnist_dir, tmp_path_factory):
    return Config(
        dataset="mnist",
        data_dir=str(mnist_dir),
        rounds=1,
        epochs=15,
        num_samples=10,
        pool_subset=500,
        weight_decay="2.5",
        export_every=-1,
        run_dir=str(tmp_path_factory.mktemp("mnist") / "run"),
    )


def test_a_round_on_mnist(config):
    dataset = load(config)
    curve = loop.run(config, dataset, lambda _: None)
    with Store(pathlib.Path(config.run_dir)) as store:
        labels = store.reader.labels()
    assert [point.labels for point in curve] == [20, 30]
    assert all(0.2 < point.evaluation.error < 0.75 for point in curve)
    assert len(labels) == 30
    splits = dataset.splits
    sizes = [len(ids) for ids in (splits.initial_ids, splits.validation_ids, splits.pool_ids)]
    assert sizes == [20, 100, 59_880]
    assert len(set(labels.ids) | set(splits.validation_ids)) == 130
    assert len(dataset.unlabelled(labels.ids)) == 59_870
    assert all(item.startswith("train-") for item in labels.ids)
