"""What is written, record by record."""

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.datasets.shard_writer import example, write_shards

_IMAGES = np.arange(7 * 6, dtype=np.uint8).reshape(7, 2, 3, 1)


def _features(content):
    features = tf.train.Example.FromString(content).features.feature
    return {
        name: [*value.bytes_list.value, *value.int64_list.value]
        for name, value in features.items()
    }


def test_a_known_record():
    assert _features(example(_IMAGES[1], 4, "b 1")) == {
        "image_raw": [bytes([6, 7, 8, 9, 10, 11])],
        "height": [2],
        "width": [3],
        "channels": [1],
        "label": [4],
        "id": [b"b 1"],
    }
    assert "id" not in _features(example(_IMAGES[1], -1, ""))


def test_a_png():
    features = _features(example(_IMAGES[1], 4, "é", encoded=True))
    np.testing.assert_array_equal(tf.io.decode_png(features.pop("image")[0]), _IMAGES[1])
    assert features == {"label": [4], "id": ["é".encode()]}


class _Slices:
    """Notes which slices are asked for."""

    def __init__(self):
        self.asked = []

    def __len__(self):
        return len(_IMAGES)

    def __getitem__(self, rows):
        self.asked.append((rows.start, rows.stop))
        return _IMAGES[rows]


@pytest.mark.parametrize("shards", [1, 3, 7, 8])
def test_all_images_in_equal_parts(tmp_path, shards):
    images = _Slices()
    write_shards(tmp_path / "new", "train", images, range(7), [*"abcdefg"], shards)
    paths = sorted((tmp_path / "new").iterdir())
    assert [path.name for path in paths] == [
        f"train-{shard:05d}-of-{shards:05d}.tfrecord" for shard in range(shards)
    ]
    found = [[_features(r.numpy()) for r in tf.data.TFRecordDataset(str(p))] for p in paths]
    assert [len(each) for each in found] == [end - start for start, end in images.asked]
    assert max(map(len, found)) - min(map(len, found)) <= 1
    items = [(f["id"][0], f["label"][0], f["image_raw"][0]) for each in found for f in each]
    assert items == [(b"abcdefg"[i : i + 1], i, _IMAGES[i].tobytes()) for i in range(7)]


def test_a_shard_that_was_cut_off_has_no_name_yet(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_shards(tmp_path, "train", _IMAGES, [0] * 6)
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
