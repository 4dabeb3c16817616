"""Reads TFRecord shards in which some records are damaged.

Beam's and TensorFlow's own readers stop at the first damaged record. Here it is set
aside, and reading goes on with the next one, unless the stored length of a record is
damaged.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c
import numpy as np
import tensorflow as tf

from dbal_tf.datasets.stored_images import ENCODED, RAW, decoded_images
from dbal_tf.datasets.tfrecord import FEATURES, SIDES, record_id
from dbal_tf.scaleout.blocks import Bad, Block

_MASK_DELTA = 0xA282EAD8
DAMAGED = "its checksum does not fit its data"
REST_LOST = "its length is damaged, so that nothing behind it in the shard can be found"
TRUNCATED = "the shard ends within it"
NO_EXAMPLE = "it is no tf.train.Example as docs/tfrecord.md describes it"
NO_IMAGE = "it holds no image that can be decoded to the shape that the model takes"
NO_TEXT = "its id is not UTF-8"


def records(file: BinaryIO) -> Iterator[bytes | str]:
    """Yields the data of each record; in place of a damaged one, the reason."""
    while header := file.read(12):
        if len(header) < 12:
            yield TRUNCATED
            return
        length, checksum = struct.unpack("<QI", header)
        if checksum != _masked(header[:8]):
            yield REST_LOST
            return
        content = file.read(length + 4)
        if len(content) < length + 4:
            yield TRUNCATED
            return
        data = content[:length]
        yield data if struct.unpack("<I", content[length:])[0] == _masked(data) else DAMAGED


def _masked(data: bytes) -> int:
    """Returns a checksum as TFRecord files hold it: CRC-32C, rotated, plus a constant."""
    crc = google_crc32c.value(data)
    return int(((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def parse(
    contents: list[bytes], numbers: list[int], stem: str, image_shape: tuple[int, ...]
) -> tuple[Block, list[Bad]]:
    """Returns the items of records, and the records that hold no item.

    Args:
        contents: Data of one or more records.
        numbers: Number of each in its shard, from 0.
        stem: Name of the shard, without `.tfrecord`.
        image_shape: Height, width and channels that the model takes.
    """
    try:
        return _parse_all(contents, numbers, stem, image_shape), []
    except _Unusable as error:
        reason = str(error)
    if len(contents) == 1:
        place = f"{stem}, record {numbers[0]}"
        return Block((), np.empty((0, *image_shape), np.uint8)), [Bad(place, reason)]
    # By bisection: few of the records are bad, and these are found in a few steps.
    half = len(contents) // 2
    blocks, bad = zip(
        *(
            parse(contents[part], numbers[part], stem, image_shape)
            for part in (slice(half), slice(half, None))
        ),
        strict=True,
    )
    images = np.concatenate([block.images for block in blocks])
    return Block(blocks[0].ids + blocks[1].ids, images), bad[0] + bad[1]


class _Unusable(ValueError):
    """One of several records holds no item; the message is the reason."""


def _parse_all(
    contents: list[bytes], numbers: list[int], stem: str, image_shape: tuple[int, ...]
) -> Block:
    """Returns the items of records that are all good.

    Raises:
        _Unusable: One is not.
    """
    try:
        with tf.device("CPU:0"):
            columns = tf.io.parse_example(tf.constant(contents), FEATURES)
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
        # TensorFlow's message quotes the record, which may not be text.
        raise _Unusable(NO_EXAMPLE) from error
    try:
        ids = tuple(
            stored.decode() if stored else record_id(stem, number)
            for stored, number in zip(columns["id"].numpy().tolist(), numbers, strict=True)
        )
    except UnicodeDecodeError as error:
        raise _Unusable(NO_TEXT) from error
    raw = columns[RAW].numpy().tolist()
    if not any(raw):
        try:
            return Block(ids, decoded_images(contents, ENCODED, image_shape))
        except tf.errors.InvalidArgumentError as error:
            raise _Unusable(NO_IMAGE) from error
    sides = np.stack([columns[side].numpy() for side in SIDES], axis=1)
    size = int(np.prod(image_shape))
    if (sides != image_shape).any() or any(len(one) != size for one in raw):
        raise _Unusable(NO_IMAGE)
    pixels = np.frombuffer(b"".join(raw), np.uint8)
    return Block(ids, pixels.reshape(-1, *image_shape))
