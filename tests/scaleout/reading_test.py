import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.scaleout.blocks import Bad, Block
from dbal_tf.scaleout.reading import ReadImages, ReadShard

_SHAPE = (4, 3, 1)


def _split(outputs) -> tuple[list[Block], list[Bad]]:
    outputs = list(outputs)
    blocks = [one for one in outputs if isinstance(one, Block)]
    return blocks, [one.value for one in outputs if not isinstance(one, Block)]


@pytest.fixture
def shard(tmp_path, example):
    path = tmp_path / "train-00000-of-00001.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(7):
            writer.write(example(np.full(_SHAPE, number, np.uint8), f"item-{number}"))
        writer.write(b"no example")
    return str(path)


def test_a_shard_in_blocks(shard):
    blocks, bad = _split(ReadShard(_SHAPE, 3).process(shard))
    assert [block.ids for block in blocks] == [
        ("item-0", "item-1", "item-2"),
        ("item-3", "item-4", "item-5"),
        ("item-6",),
    ]
    assert [one.place for one in bad] == ["train-00000-of-00001, record 7"]


def test_a_second_reading_yields_what_is_wanted_alone(shard):
    wanted = frozenset({"item-2", "item-6"})
    blocks, bad = _split(ReadShard(_SHAPE, 3).process(shard, wanted))
    assert [block.ids for block in blocks] == [("item-2",), ("item-6",)]
    assert bad == []


def test_image_files(tmp_path):
    good, broken = tmp_path / "a.png", tmp_path / "b.png"
    good.write_bytes(tf.io.encode_png(np.full((8, 6, 3), 50, np.uint8)).numpy())
    broken.write_bytes(b"no image")
    reader = ReadImages(_SHAPE, "stretch", str(tmp_path))
    gone = str(tmp_path / "gone.png")
    blocks, bad = _split(reader.process([str(good), str(broken), gone]))
    assert [block.ids for block in blocks] == [("a.png",)]
    np.testing.assert_array_equal(blocks[0].images, np.full((1, *_SHAPE), 50))
    assert [one.place for one in bad] == ["b.png", "gone.png"]
    assert _split(reader.process([str(good)], frozenset({"c.png"}))) == ([], [])


def test_files_that_are_bad_in_the_same_way_have_one_reason(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    content = tf.io.encode_jpeg(noise).numpy()
    paths = [str(tmp_path / f"{number}.jpg") for number in range(6)]
    for number, path in enumerate(paths[:4]):
        with open(path, "wb") as file:
            file.write(content[: 1500 + 7 * number])
    _, bad = _split(ReadImages(_SHAPE, "stretch", str(tmp_path)).process(paths))
    assert len(bad) == 6
    reasons = {one.reason for one in bad}
    assert len(reasons) == 2 and "it cannot be read (No such file or directory)" in reasons
    assert not any(character.isdigit() for reason in reasons for character in reason)
