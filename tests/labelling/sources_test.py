import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dbal_tf.artifacts import Examples
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.labelling.sources import DatasetSource, FolderSource, Unavailable, open_source

IMAGE = np.array([[[97], [98], [99]]], np.uint8)


def png():
    content = io.BytesIO()
    Image.fromarray(IMAGE[..., 0]).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").write_bytes(png())
    folder = tmp_path / "images"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "a.png").write_bytes(png())
    (folder / "empty.png").write_bytes(b"")
    (folder / "inside.png").symlink_to("below/a.png")
    (folder / "outside.png").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe.png")
    return folder


def test_an_id_is_a_path_below_the_folder(folder):
    source = FolderSource(folder)
    np.testing.assert_array_equal(source.pixels("below/a.png"), IMAGE)
    np.testing.assert_array_equal(source.pixels("inside.png"), IMAGE)


HOSTILE = (
    *("../secret", "below/../../secret", "outside.png", "up/secret", "loop", "pipe.png"),
    *("below", ".", "", "no.png", "a\0b", "empty.png", "x" * 5000, "\ud800"),
)


@pytest.mark.parametrize("item", HOSTILE)
def test_nothing_outside_of_the_folder_is_read(folder, item):
    with pytest.raises(Unavailable):
        FolderSource(folder).pixels(item)


def test_an_absolute_path_is_refused(folder, tmp_path):
    with pytest.raises(Unavailable):
        FolderSource(folder).pixels(str(tmp_path / "secret"))


def test_the_images_of_a_data_set_are_training_and_test_images(toy):
    source = DatasetSource(toy.train, toy.test)
    np.testing.assert_array_equal(source.pixels("toy-07"), toy.train.images[7])
    np.testing.assert_array_equal(source.pixels("toy-61"), toy.test.images[1])
    with pytest.raises(Unavailable, match="nobody is not in the data set"):
        source.pixels("nobody")


def test_the_images_may_be_one_part():
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    source = DatasetSource(Examples(np.array(["a", "b"]), images))
    np.testing.assert_array_equal(source.pixels("b"), images[1])
    with pytest.raises(Unavailable):
        source.pixels("c")


def test_digits_are_shown_as_the_network_sees_them(tmp_path):
    source = open_source(Config(dataset="digits", run_dir=str(tmp_path)))
    image = source.pixels("digits-0000")
    assert image.shape == (28, 28, 1) and image.dtype == np.uint8 and image.max() > 200


@pytest.mark.parametrize("dataset", ["tfrecord", "mnist"])
def test_what_needs_tensorflow_is_refused_in_a_sentence(dataset, tmp_path):
    with pytest.raises(InputError, match="cannot be shown on the page"):
        open_source(Config(dataset=dataset, run_dir=str(tmp_path)))


def test_tensorflow_is_not_imported(tmp_path):
    code = (
        "import sys; from dbal_tf import label; from dbal_tf.config import Config\n"
        "from dbal_tf.labelling.sources import open_source\n"
        f"open_source(Config(dataset='digits', run_dir={str(tmp_path)!r}))\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
