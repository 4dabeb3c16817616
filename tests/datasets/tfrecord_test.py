"""A folder of shards: read back as it was written, or refused in one sentence."""

import gzip
import pathlib
import re
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.artifacts import Examples
from dbal_tf.core import InputError
from dbal_tf.datasets import tfrecord
from dbal_tf.datasets.shard_writer import example, write_shards
from dbal_tf.datasets.source import Source

_RNG = np.random.default_rng(0)
_TRAIN = _RNG.integers(0, 256, (10, 4, 5, 3), np.uint8)
_TEST = _RNG.integers(0, 256, (4, 4, 5, 3), np.uint8)
_CLASSES = np.array([0, 1, 2, 0, 1, 2, -1, -1, 0, 1])
_TEST_CLASSES = np.array([0, 1, 2, 0])
_IDS = np.array([f"a/{row}" for row in range(10)])
_TEST_IDS = np.array([f"longer/{row}" for row in range(4)])
_DOCS = pathlib.Path(__file__).parents[2] / "docs" / "tfrecord.md"


def _write(folder: pathlib.Path, encoded: bool = False) -> pathlib.Path:
    write_shards(folder, "train", _TRAIN, _CLASSES, _IDS, shards=3, encoded=encoded)
    write_shards(folder, "test", _TEST, _TEST_CLASSES, _TEST_IDS, encoded=encoded)
    return folder


@pytest.mark.parametrize("encoded", [False, True])
def test_reads_back_what_was_written(tmp_path, encoded):
    source = tfrecord.load(str(_write(tmp_path, encoded)))
    expected = Source(
        *(Examples(_IDS, _TRAIN), _CLASSES, Examples(_TEST_IDS, _TEST), _TEST_CLASSES),
        class_names=("0", "1", "2"),
    )
    assert source.checksum() == expected.checksum()
    assert source.class_names == expected.class_names
    assert source.train_classes.tolist() == _CLASSES.tolist()
    chosen = source.train.select(np.array(["a/7", "a/0"]))
    np.testing.assert_array_equal(chosen.images, _TRAIN[[7, 0]])
    np.testing.assert_array_equal(source.test.images, _TEST)


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_batches_of_any_size(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(tfrecord, "_MOST_AT_ONCE", at_once)
    assert tfrecord.load(str(_write(tmp_path))).train.ids.tolist() == _IDS.tolist()


def test_ids_are_named_after_shard_and_record_if_none_are_given(tmp_path):
    write_shards(tmp_path, "train", _TRAIN, _CLASSES, shards=3)
    write_shards(tmp_path, "test", _TEST, _TEST_CLASSES)
    source = tfrecord.load(str(tmp_path))
    assert source.train.ids.tolist()[2:4] == ["train-00000/0000002", "train-00001/0000000"]
    assert source.test.ids.tolist()[-1] == "test-00000/0000003"


def test_class_names_come_from_a_file(tmp_path):
    (_write(tmp_path) / "classes.txt").write_text(
        "\ufeffcat\nsea horse \r\ndog\nunseen\n", "utf-8"
    )
    names = tfrecord.load(str(tmp_path)).class_names
    assert names == ("cat", "sea horse", "dog", "unseen")


def test_names_without_a_number_and_an_empty_shard(tmp_path):
    write_shards(tmp_path, "test", _TEST, _TEST_CLASSES)
    write_shards(tmp_path / "x", "train", _TRAIN, _CLASSES)
    (tmp_path / "x" / "train-00000-of-00001.tfrecord").rename(tmp_path / "train-b.tfrecord")
    (tmp_path / "train-a.tfrecord").touch()
    source = tfrecord.load(str(tmp_path))
    assert source.train.ids[[0, -1]].tolist() == ["train-b/0000000", "train-b/0000009"]
    np.testing.assert_array_equal(source.train.images, _TRAIN)


def test_the_example_of_the_documentation(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", _DOCS.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    source = tfrecord.load(str(tmp_path))
    assert source.train.images.shape == (200, 28, 28, 1)
    assert (source.train.ids[7], source.train_classes[7]) == ("train 7", 7)
    assert len(source.checksum()) == 64


_SHARD = "train-00001-of-00003.tfrecord"


def _rewritten(change: Callable[[bytes], bytes]) -> Callable[[pathlib.Path], None]:
    """Makes what changes the middle training shard."""

    def rewrite(folder: pathlib.Path) -> None:
        (folder / _SHARD).write_bytes(change((folder / _SHARD).read_bytes()))

    return rewrite


def _holding(*contents: bytes) -> Callable[[pathlib.Path], None]:
    """Makes what replaces the middle training shard's records."""

    def replace(folder: pathlib.Path) -> None:
        with tf.io.TFRecordWriter(str(folder / _SHARD)) as writer:
            for content in contents:
                writer.write(content)

    return replace


def _with(**features: bytes | int | float | list) -> bytes:
    """A good record of the shard, some features replaced."""
    record = tf.train.Example.FromString(example(_TRAIN[0], 0, "new"))
    for name, value in features.items():
        feature = record.features.feature[name]
        feature.Clear()
        values = value if isinstance(value, list) else [value]
        kinds = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}
        for one in values:
            kinds[type(one)].value.append(one)
    return record.SerializeToString()


def _folder(folder: pathlib.Path) -> None:
    (folder / _SHARD).unlink()
    (folder / _SHARD).mkdir()


def _flipped(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


_GOOD = example(_TRAIN[3], 0, "good")
_WIDER = example(_TRAIN[3][:, :4], 0, "wider")
_BAD = {
    "truncated": (_rewritten(lambda x: x[:-3]), f"{_SHARD} has a truncated record at "),
    "cut in a header": (_rewritten(lambda x: x[:-300]), f"{_SHARD} has a truncated record"),
    "corrupted": (_rewritten(_flipped), f"{_SHARD} has a corrupted record at "),
    "a picture": (_rewritten(lambda x: b"\x89PNG\r\n" + x), f"{_SHARD} has a corrupted record"),
    "compressed": (_rewritten(gzip.compress), "expected whole TFRecords, not compressed"),
    "a folder": (_folder, f"{_SHARD} cannot be read (Is a directory)"),
    "no example": (_holding(b"hello"), f"{_SHARD} has a record of another kind; expected a tf"),
    "label as float": (_holding(_with(label=1.0)), "feature 'label' has another type"),
    "two labels": (_holding(_with(label=[1, 2])), "feature 'label' has another type"),
    "label too low": (_holding(_GOOD, _with(label=-2)), "record 1, has label -2; expected -1"),
    "label too high": (
        _holding(_with(label=8)),
        "record 0, has label 8; expected -1 to 5, as 6 training images have a label",
    ),
    "label beyond the names": (
        lambda f: (f / "classes.txt").write_text("a\nb"),
        "has label 2; expected -1 to 1, as classes.txt names 2 classes",
    ),
    "names that are not UTF-8": (
        lambda f: (f / "classes.txt").write_bytes("kühl\nwarm".encode("latin-1")),
        "classes.txt is not UTF-8; expected one class per line",
    ),
    "a name twice": (
        lambda f: (f / "classes.txt").write_text("cat\ncat\ndog"),
        "classes.txt names 'cat' more than once; expected one class per line",
    ),
    "no image": (_holding(_GOOD, _with(image_raw=[])), "record 1, has no feature 'image_raw'"),
    "another feature": (_holding(example(_TRAIN[3], 0, "p", True)), "no feature 'image_raw'"),
    "two shapes": (
        _holding(_GOOD, _WIDER),
        r"record 1, holds an image of shape (4, 4, 3); expected (4, 5, 3)",
    ),
    "bytes missing": (
        _holding(_with(image_raw=bytes(59))),
        "has 59 bytes in 'image_raw' and the height, width and channels (4, 5, 3); expected",
    ),
    "an id twice": (_holding(_GOOD, _GOOD), "holds the id 'good' more than once"),
    "an id of both": (
        lambda f: write_shards(f, "test", _TEST, _TEST_CLASSES, ["a/1", *"bcd"]),
        "holds the id 'a/1' more than once",
    ),
    "an id of bytes": (_holding(_with(id=b"\xff")), "has an id that is not UTF-8"),
    "an endless id": (_holding(_with(id=b"x" * 201)), "an id of 201 characters; expected at"),
    "test without labels": (
        lambda f: write_shards(f, "test", _TEST, [0, -1, 2, 0]),
        "test-00000-of-00001.tfrecord, record 1, has label -1; expected 0 to 2",
    ),
    "a shard is missing": (
        lambda f: (f / _SHARD).unlink(),
        "holds 2 files train-*.tfrecord, whose names announce 3",
    ),
    "no test": (
        lambda f: (f / "test-00000-of-00001.tfrecord").unlink(),
        "holds no test-*.tfrecord; expected train and test shards",
    ),
    "nothing in test": (
        lambda f: (f / "test-00000-of-00001.tfrecord").write_bytes(b""),
        "test-*.tfrecord are empty",
    ),
}


@pytest.mark.parametrize("name", _BAD)
def test_bad_shards(tmp_path, name):
    change, message = _BAD[name]
    change(_write(tmp_path))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        tfrecord.load(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_first_images_without_a_shape(tmp_path):
    _write(tmp_path)
    shard = tmp_path / "train-00000-of-00003.tfrecord"
    for record, message in (
        (
            _with(height=[], width=[], channels=[]),
            r"60 bytes in 'image_raw' and .* \(0, 0, 0\)",
        ),
        (_with(image_raw=[]), "record 0, holds no image that can be decoded"),
        (_with(image_raw=[], image=b"no PNG"), "record 0, holds no image that can be decoded"),
    ):
        with tf.io.TFRecordWriter(str(shard)) as writer:
            writer.write(record)
        with pytest.raises(InputError, match=message):
            tfrecord.load(str(tmp_path))


def test_a_png_of_another_shape_is_found_by_the_checksum(tmp_path):
    _write(tmp_path, encoded=True)
    _holding(example(_TRAIN[3][1:], 0, "lower", encoded=True))(tmp_path)
    source = tfrecord.load(str(tmp_path))
    with pytest.raises(InputError, match=rf"{_SHARD}, record 0, holds an image of shape \(3"):
        source.checksum()


@pytest.mark.parametrize("data_dir", ["", "absent"])
def test_no_folder(data_dir):
    with pytest.raises(InputError, match=f"--data_dir={data_dir} is not a folder; .* give it"):
        tfrecord.load(data_dir)
