import dataclasses
import hashlib

import numpy as np
import pytest

from dbal_tf.artifacts import Examples
from dbal_tf.core import InputError
from dbal_tf.datasets import source as source_module
from dbal_tf.datasets.source import Source


def _source() -> Source:
    train = Examples(np.array(["a", "b"]), np.array([[[[1]]], [[[2]]]], np.uint8))
    test = Examples(np.array(["c"]), np.array([[[[3]]]], np.uint8))
    return Source(train, np.array([0, 1]), test, np.array([1]), ("no", "yes"))


def test_checksum_of_known_bytes() -> None:
    content = (
        b"a\nb" + b"|u1(2, 1, 1, 1)\x01\x02" + b"<i8(2,)" + bytes(8) + b"\x01" + bytes(7)
    ) + (b"c" + b"|u1(1, 1, 1, 1)\x03" + b"<i8(1,)\x01" + bytes(7))
    assert _source().checksum() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("what", ["ids", "images", "classes", "shape"])
def test_checksum_sees_every_change(part: str, what: str) -> None:
    source = _source()
    examples, classes = getattr(source, part), getattr(source, f"{part}_classes")
    changed = {
        "ids": {part: Examples(np.array(["x", "y"])[: len(classes)], examples.images)},
        "images": {part: Examples(examples.ids, examples.images + np.uint8(1))},
        "classes": {f"{part}_classes": classes - 1},
        "shape": {part: Examples(examples.ids, examples.images.reshape(1, -1, 1, 1))},
    }[what]
    if part == "test" and what == "shape":
        changed = {part: Examples(examples.ids, examples.images.reshape(1, 1, 1))}
    assert dataclasses.replace(source, **changed).checksum() != source.checksum()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_checksum_does_not_depend_on_the_blocks(size: int, monkeypatch) -> None:
    whole = _source().checksum()
    monkeypatch.setattr(source_module, "_BLOCK_BYTES", size)
    assert _source().checksum() == whole


def test_checksum_of_equal_content_is_equal() -> None:
    source = _source()
    images = np.asfortranarray(source.train.images)
    same = dataclasses.replace(
        source,
        train=Examples(source.train.ids, images),
        train_classes=source.train_classes.astype(">i8"),
    )
    assert same.checksum() == source.checksum()


def _four_classes() -> Source:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    train = Examples(np.array(list("abcde")), images)
    test = Examples(np.array(list("xyz")), images[:3])
    return Source(
        train, np.array([3, 0, -1, 1, 3]), test, np.array([1, 2, 3]), ("p", "q", "r", "s")
    )


def test_some_classes_are_kept_and_numbered_anew() -> None:
    kept = _four_classes().of_classes(("s", "q"))
    assert kept.train.ids.tolist() == ["a", "d", "e"]
    assert kept.train.images.ravel().tolist() == [0, 3, 4]
    assert kept.train_classes.tolist() == [0, 1, 0]
    assert (kept.test.ids.tolist(), kept.test_classes.tolist()) == (["x", "z"], [1, 0])
    assert kept.class_names == ("s", "q")


def test_given_items_become_the_test_set() -> None:
    source = dataclasses.replace(_four_classes(), groups=np.array([0, 1, 1, 2, 3]))
    held = source.with_test(np.array([True, False, False, True, False]))
    assert (held.train.ids.tolist(), held.test.ids.tolist()) == (list("bce"), list("ad"))
    assert (held.train_classes.tolist(), held.test_classes.tolist()) == ([0, -1, 3], [3, 1])
    assert held.groups is not None
    assert held.groups.tolist() == [1, 1, 3]
    assert _four_classes().with_test(np.arange(5) < 2).groups is None


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"--classes=p,t names t, .* some of p, q, r, s"):
        _four_classes().of_classes(("p", "t"))


def test_unknown_classes_are_kept_on_request() -> None:
    source = dataclasses.replace(_four_classes(), groups=np.array([4, 4, 1, 0, 2]))
    kept = source.of_classes(("s", "q"), keep_unknown=True)
    assert kept.train.ids.tolist() == ["a", "c", "d", "e"]
    assert kept.train_classes.tolist() == [0, -1, 1, 0]
    assert kept.groups.tolist() == [4, 1, 0, 2]


def test_held_out_by_group() -> None:
    images = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1)
    ids = np.array([f"{row:02d}" for row in range(30)])
    items, classes, groups = Examples(ids, images), np.arange(30) % 3 - 1, np.arange(30) // 2
    none = Examples(ids[:0], images[:0])
    source = Source(items, classes, none, classes[:0], ("p", "q"), groups)
    held = source.hold_out(7, seed=0)
    assert (len(held.test), len(held.train)) == (6, 24)
    rows = held.test.images.ravel().astype(int)
    assert not set(rows // 2) & set(held.train.images.ravel() // 2)
    assert held.test_classes.tolist() == classes[rows].tolist()
    assert held.groups.tolist() == (held.train.images.ravel() // 2).tolist()
    assert held.test.ids.tolist() == source.hold_out(7, seed=0).test.ids.tolist()
    assert held.test.ids.tolist() != source.hold_out(7, seed=1).test.ids.tolist()


def _sixty(of_group: int) -> Source:
    images = np.zeros((60, 1, 1, 1), np.uint8)
    ids = np.array([f"{row:02d}" for row in range(60)])
    items, classes = Examples(ids, images), np.arange(60) % 2
    groups = np.maximum(np.arange(60) - of_group + 1, 0)
    return Source(items, classes, items.select(ids[:0]), classes[:0], ("p", "q"), groups)


def test_a_test_set_that_a_large_group_makes_small_is_told() -> None:
    held = _sixty(58).hold_out(12, seed=0)
    assert len(held.test) == 2
    assert held.findings.notes == (
        "The test set has 2 images and not 12, as near copies and groups stay together and the "
        "largest group has 58 images, such as 00 and 57; near_copies.csv lists near "
        "copies; --near_copies=ignore is for images that only look alike.",
    )
    assert _sixty(40).hold_out(12, seed=0).findings.notes == ()
    # Three of a group, as of a patient: nearly all of what was wanted needs no words.
    threes = dataclasses.replace(_sixty(1), groups=np.arange(60) // 3)
    assert len(threes.hold_out(20, seed=0).test) == 18
    assert "has 18 images and not 20" in threes.hold_out(20, seed=0).findings.notes[0]
    assert threes.hold_out(30, seed=0).findings.notes == ()


def test_a_test_set_of_nothing_is_refused() -> None:
    with pytest.raises(InputError) as error:
        _sixty(60).hold_out(12, seed=0)
    assert str(error.value) == (
        "A test set of 12 of the 60 images cannot be drawn, as near copies and groups stay "
        "together and the largest group has 60 images, such as 00 and 59; give another "
        "--test_size, or --near_copies=ignore if the group is of images that only look alike."
    )
