import pytest

from dbal_tf.config import Config
from dbal_tf.config.data import DataSettings, class_counts, height_width
from dbal_tf.core import InputError


def test_defaults_are_the_papers():
    settings = DataSettings()
    assert (settings.dataset, settings.classes, settings.pool_size) == ("mnist", (), 0)
    assert (settings.initial_per_class, settings.validation_size) == (2, 100)


def test_height_and_width():
    assert height_width("") is height_width("0") is None
    assert (height_width("64"), height_width("48x64")) == ((64, 64), (48, 64))
    for wrong in ("-1", "4x", "x4", "0x4", "4x4x4", "1.5", "\u0664", "123456"):
        with pytest.raises(InputError, match=r"--image_size=.*48x64"):
            height_width(wrong)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"dataset": "digits", "image_size": "8"},
            "--image_size was given with --dataset=digits",
        ),
        ({"dataset": "mnist", "test_size": 8}, "--test_size was given with --dataset=mnist"),
        ({"dataset": "image_folder", "class_names": ("a",)}, "--class_names=a is one class"),
        ({"dataset": "image_folder", "class_names": ("a", "a")}, "names a class twice"),
        ({"dataset": "image_folder", "resize": "squash"}, "one of pad, crop, stretch"),
        ({"dataset": "image_folder", "near_copies": "keep"}, "one of group, ignore"),
        ({"dataset": "image_folder", "image_size": "big"}, "--image_size=big cannot be used"),
        ({"dataset": "mnist", "folds": 5}, "--folds was given with --dataset=mnist"),
        ({"dataset": "image_folder", "folds": 1}, "--folds=1 would test on all images"),
        (
            {"dataset": "image_folder", "folds": 5, "test_size": 9},
            "--test_size and --folds were both given",
        ),
        ({"initial_counts": ("a:80", "20")}, r"--initial_counts=a:80,20 cannot .*\(20\)"),
        ({"initial_counts": ("a:1", "a:2")}, r"expected each class once"),
        ({"initial_counts": ("a:0", "b:0")}, "asks for no image"),
        (
            {"dataset": "image_folder", "initial_counts": ("a:1",), "oracle": "csv"},
            "--initial_counts cannot be used with --oracle=csv",
        ),
    ],
)
def test_flags_of_folders(flags, message):
    with pytest.raises(InputError, match=message):
        Config(**flags)


def test_counts_of_classes():
    assert class_counts("initial_counts", ()) == {}
    assert class_counts("initial_counts", ("a b:80", "c:d:0")) == {"a b": 80, "c:d": 0}


def test_the_size_of_the_initial_set():
    assert Config(initial_per_class=3).num_initial(10) == 30
    assert Config(initial_counts=("a:80", "b:20")).num_initial(2) == 100
