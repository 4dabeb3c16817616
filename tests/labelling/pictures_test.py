import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from dbal_tf.labelling.pictures import Pictures, encode, shrink
from dbal_tf.labelling.sources import Unavailable


class Counting:
    """A source that counts how often it is asked; `missing` has no picture."""

    def __init__(self, side=8, seconds=0.0):
        self.asked, self.side, self.seconds = [], side, seconds
        self.lock = threading.Lock()

    def pixels(self, item):
        with self.lock:
            self.asked.append(item)
        time.sleep(self.seconds)
        if item == "missing":
            raise Unavailable("It is missing.")
        rng = np.random.default_rng(len(item))
        return rng.integers(0, 256, (self.side, self.side, 3), np.uint8)


@pytest.fixture
def pictures():
    made = Pictures(Counting())
    yield made
    made.close()


def decoded(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_small_pictures_are_their_pixels(pictures):
    content, kind = pictures.get("a", "full")
    assert kind == "image/png"
    np.testing.assert_array_equal(decoded(content), Counting().pixels("a"))


def test_grey_stays_grey():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    np.testing.assert_array_equal(decoded(encode(shrink(image, 192))[0]), image[..., 0])


def test_large_pictures_are_made_smaller():
    content, kind = encode(shrink(np.zeros((1000, 4000, 3), np.uint8), 1600))
    assert kind == "image/jpeg" and decoded(content).shape == (400, 1600, 3)
    assert decoded(encode(shrink(np.zeros((300, 100, 3), np.uint8), 192))[0]).shape[:2] == (
        192,
        64,
    )


def test_nothing_but_pixels_is_sent():
    content, _ = encode(shrink(np.zeros((300, 300, 3), np.uint8), 1600))
    assert not Image.open(io.BytesIO(content)).getexif() and b"Exif" not in content


def test_a_picture_is_made_once():
    source = Counting(seconds=0.05)
    pictures = Pictures(source)
    pictures.prepare(["a", "b"])
    threads = [threading.Thread(target=pictures.get, args=("a", "full")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pictures.close()
    assert sorted(source.asked) == ["a", "b"]


def test_a_missing_picture_is_looked_for_again(pictures):
    for _ in range(2):
        with pytest.raises(Unavailable):
            pictures.get("missing", "full")
    assert pictures._source.asked == ["missing"] * 2


def test_what_was_not_used_for_longest_is_dropped():
    source = Counting(side=64)
    one = len(encode(shrink(source.pixels("a"), 192))[0])
    pictures = Pictures(source, max_bytes=3 * one + one // 2)
    source.asked.clear()
    for item in "abcadab":
        pictures.get(item, "full")
    pictures.close()
    # d drops b, since a was used again; b must be made anew.
    assert source.asked == ["a", "b", "c", "d", "b"]
