"""A small exported model and shards of digits; all of this room needs Beam."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.datasets import digits

pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install '.[beam]'")

CLASSES = tuple(map(str, range(10)))


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an exported network for digits, as it was initialized."""
    from dbal_tf.components.serving import serving_archive

    shape = digits.load("").train.images.shape[1:]
    network = bayesian_cnn(shape, 10, seed=3)
    archive, _ = serving_archive(network, "mc_dropout", "mean", 5, 0, CLASSES)
    folder = tmp_path_factory.mktemp("export") / "0"
    archive.write_out(str(folder), verbose=False)
    return str(folder)


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """240 digits, uint8 `[n, h, w, 1]`."""
    return np.asarray(digits.load("").train.images[:240])


def _example(image: np.ndarray, item: str = "") -> bytes:
    """A record as docs/tfrecord.md describes it."""

    def whole(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def text(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    sides = dict(zip(("height", "width", "channels"), map(whole, image.shape), strict=True))
    features = {"image_raw": text(image.tobytes()), **sides}
    if item:
        features["id"] = text(item.encode())
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="session")
def example():
    """Makes a record of an image and an id."""
    return _example


@pytest.fixture
def shards(tmp_path: pathlib.Path, images: np.ndarray):
    """Writes the digits into so many shards; returns the pattern of their names."""

    def write(count: int, name: str = "pool") -> str:
        folder = tmp_path / name
        folder.mkdir()
        for number, rows in enumerate(np.array_split(np.arange(len(images)), count)):
            path = folder / f"train-{number:05d}-of-{count:05d}.tfrecord"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for row in rows.tolist():
                    writer.write(_example(images[row], f"item-{row:04d}"))
        return f"{folder}/train-*.tfrecord"

    return write
