"""Writes images as TFRecord shards; `tfrecord.py` describes the format."""

import itertools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dbal_tf.core import Images


def write_shards(
    folder: pathlib.Path,
    split: str,
    images: Images,
    classes: Sequence[int] | np.ndarray,
    ids: Sequence[str] | np.ndarray | None = None,
    shards: int = 1,
    encoded: bool = False,
) -> None:
    """Writes images to shards of equal size.

    Args:
        folder: Folder for the shards; created if it does not exist.
        split: `"train"` or `"test"`.
        images: uint8, shape `[n, h, w, k]`; read one shard at a time.
        classes: Class indices, shape `[n]`; -1 where unknown.
        ids: Item ids, shape `[n]`; None: ids from shard and record number.
        shards: Number of shards.
        encoded: Whether to write PNGs instead of pixel values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    edges = [len(images) * shard // shards for shard in range(shards + 1)]
    for shard, (start, end) in enumerate(itertools.pairwise(edges)):
        path = folder / f"{split}-{shard:05d}-of-{shards:05d}.tfrecord"
        partial = path.with_name(f".{path.name}.partial")
        names = [""] * (end - start) if ids is None else ids[start:end]
        pixels = np.asarray(images[start:end])
        with tf.io.TFRecordWriter(str(partial)) as writer:
            for item in zip(pixels, classes[start:end], names, strict=True):
                writer.write(example(*item, encoded))
        # A shard appears only when it is complete.
        os.replace(partial, path)


def example(image: np.ndarray, label: int, item: str, encoded: bool = False) -> bytes:
    """Returns the record of an image.

    Args:
        image: uint8, shape `[h, w, k]`.
        label: Class index; -1 if unknown.
        item: Id; empty for none.
        encoded: Whether to write a PNG instead of pixel values.
    """
    if encoded:
        features: dict[str, bytes | int] = {"image": tf.io.encode_png(image).numpy()}
    else:
        height, width, channels = image.shape
        features = {"height": height, "width": width, "channels": channels}
        features["image_raw"] = image.tobytes()
    features["label"] = int(label)
    if item:
        features["id"] = str(item).encode()
    record = tf.train.Example()
    for name, value in features.items():
        feature = record.features.feature[name]
        kept = feature.bytes_list if isinstance(value, bytes) else feature.int64_list
        kept.value.append(value)
    return record.SerializeToString()
