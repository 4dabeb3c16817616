import time

import numpy as np
import pytest

from dbal_tf.reporting import picks


def _images(count, height=28, width=28, channels=1, value=200):
    return np.full((count, height, width, channels), value, np.uint8)


def test_small_images_are_enlarged_three_times_without_blur():
    image = np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28, 1)
    sheet = picks.picked_images(image, ["7"])
    assert sheet.dtype == np.uint8 and sheet.shape[-1] == 3
    drawn = sheet[8 : 8 + 84, 8 : 8 + 84]
    np.testing.assert_array_equal(drawn, np.kron(image[0], np.ones((3, 3, 3), np.uint8)))


def test_images_stay_in_order_and_rows_wrap_after_ten():
    images = np.arange(12, dtype=np.uint8)[:, None, None, None] + _images(12, value=10)
    sheet = picks.picked_images(images, [""] * 12)
    one_row = picks.picked_images(images[:10], [""] * 10)
    assert sheet.shape == (2 * (84 + 18 + 8) + 8, 10 * (84 + 8) + 8, 3)
    np.testing.assert_array_equal(sheet[: len(one_row) - 8], one_row[:-8])
    assert [sheet[20, 8 + 92 * column, 0] for column in range(10)] == list(range(10, 20))
    assert sheet[20 + 110, 8 + 92, 0] == 21


def test_per_row():
    assert picks.picked_images(_images(10), [""] * 10, 5).shape[1] == 5 * (84 + 8) + 8


def test_captions_are_written_below_their_image():
    blank = picks.picked_images(_images(2), ["", ""])
    captioned = picks.picked_images(_images(2), ["", "3  0.6931"])
    rows, columns, _ = np.nonzero(blank != captioned)
    assert rows.min() >= 8 + 84
    assert columns.min() >= 8 + 92


def test_long_captions_do_not_run_into_each_other():
    name = "malignant melanoma in situ  0.6931"
    sheet = picks.picked_images(_images(2), [name, name])
    below = (sheet[8 + 84 :] < 250).any(axis=(0, 2))
    middle = sheet.shape[1] // 2
    assert below.any() and not below[middle - 2 : middle + 2].any()
    other_score = picks.picked_images(_images(2), [name, name[:-1] + "2"])
    assert (sheet != other_score).any(), "the score is what must not be cut off"


def test_colours_are_kept():
    images = _images(1, channels=3)
    images[..., 0] = 10
    assert picks.picked_images(images, ["a"])[20, 20].tolist() == [10, 200, 200]


def test_large_images_are_made_smaller_in_proportion():
    sheet = picks.picked_images(_images(1, height=600, width=800, channels=3, value=0), [""])
    assert (sheet == 0).all(axis=2).sum() == 160 * 120


def test_a_caption_is_missing():
    with pytest.raises(ValueError):
        picks.picked_images(_images(2), ["only one"])


def test_a_usual_round_is_drawn_in_20_ms():
    def seconds():
        start = time.perf_counter()
        picks.picked_images(_images(10), ["7  0.6931"] * 10)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.02


def test_class_bars_are_as_long_as_the_counts():
    picture = picks.class_bars({"cat": 4, "dog": 0, "owl": 2})
    blue = (picture == (0, 114, 178)).all(axis=2)
    lengths = [blue[8 + 18 * row + 9].sum() for row in range(3)]
    assert lengths == [321, 0, 161]


def test_class_bars_of_many_classes_show_the_most_bought():
    counts = {f"class {i}": i % 30 for i in range(100)}
    assert picks.class_bars(counts).shape[0] == 20 * 18 + 16


def test_class_bars_without_any_bought():
    assert (picks.class_bars({"cat": 0}) != (0, 114, 178)).any(axis=2).all()
