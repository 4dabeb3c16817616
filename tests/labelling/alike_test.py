import numpy as np

from dbal_tf.artifacts import Examples
from dbal_tf.labelling.alike import MAX_ITEMS, Alike, thumbnail
from dbal_tf.labelling.sources import DatasetSource


def source_of(levels):
    ids = np.array([f"i{level:03d}" for level in levels])
    images = np.array(levels, np.uint8)[:, None, None, None] * np.ones((20, 16, 3), np.uint8)
    return DatasetSource(Examples(ids, images))


def test_the_nearest_in_brightness_come_first():
    alike = Alike(source_of([0, 10, 25, 45, 200]))
    candidates = ["i200", "i010", "i025", "i000", "i045"]
    assert alike.nearest("i025", candidates, 3) == ["i010", "i045", "i000"]
    assert alike.nearest("i025", ["i200"], 3) == ["i200"]


def test_what_has_no_picture_is_left_out():
    alike = Alike(source_of([0, 10]))
    assert alike.nearest("i000", ["gone", "i010"], 3) == ["i010"]
    assert alike.nearest("gone", ["i010"], 3) == []


def test_the_number_of_candidates_is_limited():
    candidates = ["gone"] * MAX_ITEMS + ["i010"]
    assert Alike(source_of([0, 10])).nearest("i000", candidates, 3) == []


def test_a_thumbnail_has_the_means_of_blocks():
    image = np.zeros((16, 16, 1), np.uint8)
    image[:2, 2:4] = 200
    assert thumbnail(image).tolist() == [0.0, 200.0] + [0.0] * 62
