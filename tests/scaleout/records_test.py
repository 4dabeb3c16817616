import io
import struct

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.scaleout import records as reading
from dbal_tf.scaleout.records import parse, records

_SHAPE = (4, 3, 1)


@pytest.fixture
def shard(tmp_path):
    """The bytes of a shard of five records, and where each begins."""
    path = tmp_path / "train.tfrecord"
    contents = [bytes([number] * (5 + number)) for number in range(5)]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for content in contents:
            writer.write(content)
    starts = np.cumsum([0, *(len(content) + 16 for content in contents)])
    return bytearray(path.read_bytes()), starts.tolist(), contents


def _read(data: bytes) -> list:
    return list(records(io.BytesIO(data)))


def test_reads_what_tensorflow_wrote(shard):
    data, _, contents = shard
    assert _read(data) == contents
    assert _read(b"") == []


def test_a_damaged_record_is_set_aside_and_those_behind_it_are_read(shard):
    data, starts, contents = shard
    data[starts[2] + 12] ^= 1
    assert _read(data) == [*contents[:2], reading.DAMAGED, *contents[3:]]


def test_behind_a_damaged_length_nothing_can_be_read(shard):
    data, starts, contents = shard
    data[starts[3]] ^= 1
    assert _read(data) == [*contents[:3], reading.REST_LOST]


@pytest.mark.parametrize("left", [3, 12, 14, 20])
def test_a_shard_that_ends_too_soon(shard, left):
    data, starts, contents = shard
    assert _read(data[: starts[4] + left]) == [*contents[:4], reading.TRUNCATED]


def test_a_length_that_is_a_lie_reads_no_more_than_there_is(shard):
    data, starts, contents = shard
    header = struct.pack("<Q", 2**40)
    data[starts[4] :] = header + struct.pack("<I", reading._masked(header)) + b"rest"
    assert _read(data) == [*contents[:4], reading.TRUNCATED]


def _image(value: int) -> np.ndarray:
    return np.full(_SHAPE, value, np.uint8)


def test_ids_and_pixels_of_records(example):
    contents = [example(_image(7), "a"), example(_image(8))]
    block, bad = parse(contents, [3, 4], "train-00001-of-00002", _SHAPE)
    assert block.ids == ("a", "train-00001/0000004") and bad == []
    np.testing.assert_array_equal(block.images, [_image(7), _image(8)])


def test_encoded_images_are_decoded():
    png = tf.io.encode_png(_image(9)).numpy()
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[png]))
    content = tf.train.Example(features=tf.train.Features(feature={"image": feature}))
    block, bad = parse([content.SerializeToString()] * 3, [0, 1, 2], "train", _SHAPE)
    np.testing.assert_array_equal(block.images, [_image(9)] * 3)
    assert bad == []


@pytest.mark.parametrize("kind", ["no example", "another shape", "no image"])
@pytest.mark.parametrize("at", [0, 3, 7])
def test_the_bad_among_the_good_is_named(example, kind, at):
    contents = [example(_image(number), f"item-{number}") for number in range(8)]
    contents[at], reason = {
        "no example": (b"\xff\xff", reading.NO_EXAMPLE),
        "another shape": (example(np.zeros((4, 4, 1), np.uint8)), reading.NO_IMAGE),
        "no image": (tf.train.Example().SerializeToString(), reading.NO_IMAGE),
    }[kind]
    block, bad = parse(contents, list(range(10, 18)), "train", _SHAPE)
    assert bad == [(f"train, record {10 + at}", reason)]
    assert block.ids == tuple(f"item-{n}" for n in range(8) if n != at)
    np.testing.assert_array_equal(block.images, [_image(n) for n in range(8) if n != at])


def test_an_id_that_is_no_text_is_bad(example):
    content = bytearray(example(_image(1), "abc"))
    content[content.index(b"abc")] = 0xFF
    block, bad = parse([bytes(content)], [0], "train", _SHAPE)
    assert bad == [("train, record 0", reading.NO_TEXT)]
    assert block.images.shape == (0, *_SHAPE)
