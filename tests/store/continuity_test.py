"""A run goes on with what its store says that it began with, or not at all."""

import dataclasses

import pytest

from dbal_tf.artifacts import Labels, Splits
from dbal_tf.core import InputError
from dbal_tf.store.continuity import check_continuity, other_devices
from dbal_tf.store.writer import Store


@pytest.fixture
def check(tiny, toy, tmp_path):
    """Checks a store that began with `tiny` and `toy` against what is given."""
    with Store(tmp_path) as store:
        initial = toy.hidden.select(toy.splits.initial_ids)
        versions = {"replicas": "1"}
        store.start(
            tiny.to_flags(),
            "c",
            versions,
            initial,
            "dataset",
            toy.class_names,
            toy.ids_by_use(),
        )

        def run(config=tiny, dataset=toy):
            check_continuity(store.reader, config, dataset, dataset.hidden.select)
            return store.reader

        yield run


def test_what_a_run_began_with_goes_on(check, tiny):
    check()
    check(tiny.replace(rounds=9, run_dir="elsewhere", export_every=2))


def test_other_flags(check, tiny):
    with pytest.raises(
        InputError, match=r"other flags: --seed=5 \(the run has --seed=4\); give"
    ):
        check(tiny.replace(seed=5))


def test_other_classes(check, toy):
    renamed = dataclasses.replace(toy, class_names=("middle", "low", "high"))
    with pytest.raises(
        InputError, match=r"classes are middle, low, high, .* began with low, mi"
    ):
        check(dataset=renamed)


def test_other_splits(check, toy):
    splits = toy.splits
    moved = Splits(splits.initial_ids, splits.pool_ids[:9], splits.validation_ids)
    with pytest.raises(InputError, match="The validation images are others than those"):
        check(dataset=dataclasses.replace(toy, splits=moved))


def test_other_labels(check, toy):
    flipped = Labels(toy.hidden.ids, 2 - toy.hidden.classes)
    with pytest.raises(InputError, match=r"4 of the 6 labels of the run .* are others today"):
        check(dataset=dataclasses.replace(toy, hidden=flipped))


def test_the_number_of_devices_may_change_but_is_said(check):
    records = check()
    assert other_devices(records, 1) == ""
    assert other_devices(records, 2).startswith("Devices when the run began: 1, now: 2. ")
