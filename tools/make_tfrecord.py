"""Writes MNIST as TFRecord shards, or a larger pool of shifted MNIST images.

  python tools/make_tfrecord.py --data_dir=<folder with MNIST> --out=<new folder>
  python tools/make_tfrecord.py --data_dir=... --out=... --count=1000000 --shards=100

A shifted image is a training image moved by up to 3 pixels in each direction,
padded with zeros. The test images are not changed.
"""

import argparse
import pathlib
from typing import Any

import numpy as np

from dbal_tf.runtime import startup

_FURTHEST = 3  # pixels


class Shifted:
    """Randomly shifted images, computed when a slice is read.

    Args:
        images: Shape `[m, h, w, k]`.
        count: Number of shifted images; image i is a shift of `images[i % m]`.
        seed: Decides the shifts.
    """

    def __init__(self, images: np.ndarray, count: int, seed: int) -> None:
        margin = (_FURTHEST, _FURTHEST)
        padded = np.pad(images, ((0, 0), margin, margin, (0, 0)))
        size = images.shape[1:3]
        self._windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2))
        rng = np.random.default_rng(seed)
        self._shifts = rng.integers(0, 2 * _FURTHEST + 1, (count, 2), np.int8)
        self.shape = (count, *images.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        sources = np.arange(len(self))[rows] % len(self._windows)
        shifts = self._shifts[rows]
        return np.moveaxis(self._windows[sources, shifts[:, 0], shifts[:, 1]], 1, -1)


def main() -> None:
    """Writes the shards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="folder with MNIST")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the shards")
    parser.add_argument(
        "--count", type=int, default=0, help="shifted images; 0: MNIST as it is"
    )
    parser.add_argument("--shards", type=int, default=8, help="files of the training images")
    parser.add_argument("--seed", type=int, default=0, help="of the shifts")
    parser.add_argument("--png", action="store_true", help="write PNGs instead of pixel values")
    flags = parser.parse_args()
    startup.import_tensorflow()
    from dbal_tf.datasets import mnist
    from dbal_tf.datasets.shard_writer import write_shards

    source = mnist.load(flags.data_dir)
    images, classes, ids = source.train.images, source.train_classes, source.train.ids
    if flags.count:
        images = Shifted(images, flags.count, flags.seed)
        classes, ids = np.resize(classes, flags.count), None
    write_shards(flags.out, "train", images, classes, ids, flags.shards, flags.png)
    test, test_classes = source.test, source.test_classes
    write_shards(flags.out, "test", test.images, test_classes, test.ids, encoded=flags.png)


if __name__ == "__main__":
    main()
