import dataclasses
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from dbal_tf.artifacts import Dataset
from dbal_tf.components.example_gen import ExampleGen, check_data
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.datasets import digits

_DIGITS = ExampleGen("digits", "", initial_per_class=2, validation_size=100)


def test_digits_are_split_and_described() -> None:
    dataset = _DIGITS.run(seed=0)
    splits = dataset.splits
    assert dataset.name == "digits"
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.checksum == digits.load("").checksum()
    sizes = [len(ids) for ids in (splits.initial_ids, splits.validation_ids, splits.pool_ids)]
    assert sizes == [20, 100, 1080]
    np.testing.assert_array_equal(dataset.hidden.ids, dataset.train.ids)
    np.testing.assert_array_equal(dataset.test_labels.ids, dataset.test.ids)
    class_of = dict(zip(dataset.hidden.ids, dataset.hidden.classes, strict=True))
    assert sorted(class_of[item] for item in splits.initial_ids) == sorted([*range(10)] * 2)


def test_the_seed_decides_the_splits_alone() -> None:
    one, same, other = (_DIGITS.run(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.splits.pool_ids, same.splits.pool_ids)
    assert set(one.splits.initial_ids) != set(other.splits.initial_ids)
    assert one.checksum == other.checksum
    assert one.train is other.train, "the files are read once"


def test_mnist_as_in_the_paper(mnist_dir: pathlib.Path) -> None:
    dataset = ExampleGen("mnist", str(mnist_dir), 2, 100).run(seed=0)
    splits = dataset.splits
    sizes = [len(ids) for ids in (splits.initial_ids, splits.validation_ids, splits.pool_ids)]
    assert sizes == [20, 100, 59_880]
    assert len(dataset.test) == 10_000


def test_a_failed_load_is_tried_again(tmp_path: pathlib.Path) -> None:
    gen = ExampleGen("mnist", str(tmp_path), 2, 100)
    for _ in range(2):
        with pytest.raises(InputError, match="holds neither"):
            gen.run(seed=0)


def test_too_large_an_initial_set() -> None:
    with pytest.raises(InputError, match=r"class \d has .* --initial_per_class=200"):
        dataclasses.replace(_DIGITS, initial_per_class=200).run(seed=0)


def test_two_classes_and_a_part_of_the_pool() -> None:
    gen = dataclasses.replace(_DIGITS, classes=("8", "2"), pool_size=50)
    dataset = gen.run(seed=0)
    splits = dataset.splits
    sizes = [len(ids) for ids in (splits.initial_ids, splits.validation_ids, splits.pool_ids)]
    assert sizes == [4, 100, 50]
    assert len(dataset.train) == len(dataset.hidden) == 154
    assert dataset.class_names == ("8", "2")
    whole = _DIGITS.run(seed=0)
    for labels, of_whole in (
        (dataset.hidden, whole.hidden),
        (dataset.test_labels, whole.test_labels),
    ):
        names = np.array(["8", "2"])[labels.classes]
        classes = of_whole.select(labels.ids).classes
        assert names.tolist() == [whole.class_names[index] for index in classes]
    np.testing.assert_array_equal(
        dataset.train.images, whole.train.select(dataset.train.ids).images
    )
    assert dataset.checksum == whole.checksum


def test_a_pool_with_rare_classes_and_copies() -> None:
    rare = tuple(f"{name}:{3 if name < 5 else 20}" for name in range(10))
    gen = dataclasses.replace(_DIGITS, pool_counts=rare, pool_copies=4, copy_noise=0.1)
    dataset, whole = gen.run(seed=0), _DIGITS.run(seed=0)
    pool = dataset.splits.pool_ids
    assert len(dataset.train) == len(dataset.hidden) == 120 + len(pool)
    classes = dataset.hidden.select(pool).classes
    assert np.bincount(classes).tolist() == [12] * 5 + [80] * 5
    assert dataset.splits.initial_ids.tolist() == whole.splits.initial_ids.tolist()
    assert {item.split("#")[0] for item in pool.tolist()} < set(whole.splits.pool_ids)
    assert dataset.checksum == whole.checksum


def test_a_given_initial_set() -> None:
    ids = _DIGITS.run(seed=0).train.ids[[30, 5, 9]]
    gen = dataclasses.replace(_DIGITS, pool_size=40)
    dataset = gen.run(seed=1, initial_ids=ids)
    assert dataset.splits.initial_ids.tolist() == ids.tolist()
    assert not np.isin(dataset.splits.validation_ids, ids).any()
    assert len(dataset.train) == 143
    with pytest.raises(KeyError, match="nobody"):
        gen.run(seed=1, initial_ids=np.array(["nobody"]))


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch) -> pathlib.Path:
    """Three classes of twenty images, of which each has a copy; ten loose images."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for number in range(70):
        name = "abc"[number % 3] if number < 60 else "loose"
        path = tmp_path / "images" / name / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 2 == 0 or number >= 60:
            image = Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8))
        image.save(path)
    return tmp_path / "images"


def _config(folder: pathlib.Path, **changes) -> Config:
    return Config(dataset="image_folder", data_dir=str(folder), validation_size=6, **changes)


def _groups_of(dataset: Dataset) -> list[set[int]]:
    splits = dataset.splits
    parts = (
        dataset.test.ids,
        splits.validation_ids,
        np.concatenate([splits.initial_ids, splits.pool_ids]),
    )
    # An image and its copy have consecutive numbers.
    return [{int(item[-6:-4]) // 2 for item in ids if "loose" not in item} for ids in parts]


def test_a_labelled_folder(folder) -> None:
    shutil.rmtree(folder / "loose")
    one, two = (ExampleGen.from_config(_config(folder)).run(seed) for seed in (0, 1))
    assert len(one.test) == 12
    assert one.test.ids.tolist() == two.test.ids.tolist(), "for all seeds"
    assert [len(ids) for ids in one.ids_by_use().values()] == [6, 6, 36, 12, 48]
    test, validation, train = _groups_of(one)
    assert not (test & validation or test & train or validation & train)
    assert len(one.findings.near_copies) == 30
    assert one.image_shape == (8, 8, 1)


def test_a_folder_for_a_person(folder) -> None:
    config = _config(folder, oracle="csv", class_names=("a", "b"), test_size=20)
    dataset = ExampleGen.from_config(config).run(seed=0)
    splits, unknown = dataset.splits, dataset.hidden.classes < 0
    assert len(dataset.test) == 20
    assert (dataset.test_labels.classes < 0).any()
    assert len(splits.validation_ids) == 6
    hidden = dict(zip(dataset.hidden.ids.tolist(), unknown.tolist(), strict=True))
    assert not any(hidden[item] for item in splits.initial_ids)
    assert all(hidden[item] for item in splits.pool_ids)
    test, validation, train = _groups_of(dataset)
    assert not (test & validation or test & train or validation & train)


@pytest.mark.parametrize("size", [3, 5, 6])
@pytest.mark.parametrize(
    "changes",
    [{}, {"folds": 3}, {"test_counts": ("a:7", "b:7", "c:7")}, {"oracle": "csv"}],
    ids=lambda changes: next(iter(changes), "test_size"),
)
def test_a_patient_is_on_one_side_of_every_split(folder, tmp_path, size, changes) -> None:
    shutil.rmtree(folder / "loose")
    # A person is asked for labels: half of the images have none.
    if "oracle" in changes:
        changes = changes | {"class_names": ("a", "b")}
    patients = {
        str(path.relative_to(folder)): int(path.stem) // size for path in folder.rglob("*.png")
    }
    table = tmp_path / "patients.csv"
    rows = [f"{item},{patient}\n" for item, patient in patients.items()]
    table.write_text("id,patient\n" + "".join(rows))
    config = _config(folder, groups_csv=str(table), near_copies="ignore", **changes)
    dataset = ExampleGen.from_config(config.replace(validation_size=8)).run(seed=0)
    splits = dataset.splits
    train = np.concatenate([splits.initial_ids, splits.pool_ids])
    test, validation, others = (
        {patients[item] for item in ids}
        for ids in (dataset.test.ids, splits.validation_ids, train)
    )
    assert test
    assert not (test & validation or test & others or validation & others)
    assert 4 <= len(splits.validation_ids) <= 8
    found = len(splits.validation_ids)
    note = f"The validation set has {found} images and not 8, as near copies and groups stay"
    assert any(note in one for one in dataset.findings.notes) == (found < 8)


def test_some_classes_and_the_unknown(folder) -> None:
    config = _config(folder, oracle="csv", class_names=("a", "b", "c"), classes=("c", "a"))
    dataset = ExampleGen.from_config(config).run(seed=0)
    assert dataset.class_names == ("c", "a")
    ids = [*dataset.train.ids, *dataset.test.ids]
    assert {item.split("/")[0] for item in ids} == {"a", "c", "loose"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("a", "b")}, "30 of the 70 images .* have no label, first c/02.png"),
        ({"test_size": 70}, "--test_size=70 of 70 images"),
        ({"test_size": 60, "oracle": "csv"}, "all 4 images outside|--validation_size=6|pool"),
    ],
)
def test_folders_that_cannot_be_split(folder, changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExampleGen.from_config(_config(folder, **changes)).run(seed=0)


def test_every_image_is_tested_on_once_in_as_many_repetitions_as_folds(folder) -> None:
    shutil.rmtree(folder / "loose")
    sets = [
        ExampleGen.from_config(_config(folder, folds=3, repetition=r)).run(seed=r)
        for r in range(6)
    ]
    ids = [set(one.test.ids.tolist()) for one in sets]
    everything = {*sets[0].train.ids.tolist(), *ids[0]}
    assert ids[0] | ids[1] | ids[2] == ids[3] | ids[4] | ids[5] == everything
    assert sum(map(len, ids)) == 120
    assert {frozenset(one) for one in ids[:3]} != {frozenset(one) for one in ids[3:]}
    for one in sets:
        test, validation, train = _groups_of(one)
        assert not (test & validation or test & train)
        # A class's copies are those of other classes: its share is even, but for those.
        counts = np.bincount(one.test_labels.classes)
        assert counts.max() - counts.min() <= 2


def test_counts_of_each_class_by_name(folder) -> None:
    shutil.rmtree(folder / "loose")
    for number in range(1, 60, 2):  # The copies, which are of other classes.
        (folder / "abc"[number % 3] / f"{number:02d}.png").unlink()
    counts = {"test_counts": ("c:4", "a:4", "b:4"), "initial_counts": ("b:1", "c:3", "a:2")}
    dataset = ExampleGen.from_config(_config(folder, **counts)).run(seed=0)
    assert np.bincount(dataset.test_labels.classes).tolist() == [4, 4, 4]
    initial = dataset.hidden.select(dataset.splits.initial_ids)
    assert np.bincount(initial.classes).tolist() == [2, 1, 3]
    assert len(dataset.splits.pool_ids) == 30 - 12 - 6 - 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"folds": 40},
            "--folds=40 of 60 images, near copies and groups together, leaves some",
        ),
        ({"test_counts": ("a:30", "b:1", "c:1")}, "cannot be drawn: a has 20 images"),
        ({"test_counts": ("a:21", "b:20", "c:20")}, "cannot be drawn: a has 20 images"),
        ({"test_counts": ("a:3", "b:1")}, "names a, b; expected each of the classes a, b, c"),
        ({"pool_counts": ("a:3", "d:1")}, "names a, d; expected each of the classes a, b, c"),
        (
            {"initial_per_class": 20},
            r"class a, of which [1-9] images are in the test set, has 1\d labelled training",
        ),
        ({"initial_counts": ("x:3", "b:1", "c:1")}, "--initial_counts=x:3,b:1,c:1 names x"),
    ],
)
def test_counts_and_folds_that_there_are_not(folder, changes: dict, message: str) -> None:
    shutil.rmtree(folder / "loose")
    with pytest.raises(InputError, match=message):
        ExampleGen.from_config(_config(folder, **changes)).run(seed=39)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"rounds": 12},
            "--rounds=12 of 4 images need 48, the pool holds 45; use at most --rounds=11, a "
            "smaller --acquisition_size or more images.",
        ),
        (
            # A person is asked for nine first, of which six are known.
            {"rounds": 11, "oracle": "csv", "initial_per_class": 3},
            "--rounds=11 of 4 images and 3 before them need 47, the pool holds 45; use at most "
            "--rounds=10, a smaller --acquisition_size or more images.",
        ),
        (
            {"rounds": 1, "oracle": "csv", "initial_per_class": 20},
            "--rounds=1 of 4 images and 54 before them need 58, the pool holds 45; use a "
            "smaller --initial_per_class or more images.",
        ),
        (
            {"rounds": 1, "acquisition_size": 46},
            "--rounds=1 of 46 images need 46, the pool holds 45; use a smaller "
            "--acquisition_size or more images.",
        ),
    ],
)
def test_a_pool_that_is_too_small(settings, message, tiny, toy):
    with pytest.raises(InputError) as error:
        check_data(tiny.replace(**{"acquisition_size": 4, **settings}), toy)
    assert str(error.value) == message
