"""A run goes on with what its store says that it began with, or not at all."""

import dataclasses

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query, Splits
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.core import InputError
from dbal_tf.store.continuity import changed_since, check_continuity
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store


@pytest.fixture
def store(tiny, toy, tmp_path):
    """A store that began with `tiny` and `toy`."""
    versions = {"replicas": "1", "model": "mine:net 0123"}
    record = RunRecord(tiny.to_flags(), "c", versions, toy.class_names)
    with Store(tmp_path) as store:
        initial = toy.hidden.select(toy.splits.initial_ids)
        store.start(record, initial, "dataset", toy.ids_by_use())
        yield store


@pytest.fixture
def check(store, tiny, toy):
    """Checks the store against what is given."""

    def run(config=tiny, dataset=toy):
        check_continuity(store.reader, config, dataset, DatasetOracle(dataset))

    return run


def _flipped(toy):
    """Classes 0 and 2 are swapped."""
    return dataclasses.replace(toy, hidden=Labels(toy.hidden.ids, 2 - toy.hidden.classes))


def _tell(store, toy, annotator):
    """Asks for four items of the pool, which are told as the data set has them."""
    ids = toy.splits.pool_ids[:4]
    point = CurvePoint(0, 6, Evaluation(0.5, 1.0, 0.5, 0.25, 0.5, 1.0), 2.5, {})
    store.ask(point, Query(ids, np.zeros(len(ids))), [], {})
    store.tell(toy.hidden.select(ids), annotator)


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
    with pytest.raises(InputError, match="The validation images differ from those"):
        check(dataset=dataclasses.replace(toy, splits=moved))


def test_other_labels(check, toy):
    with pytest.raises(InputError, match=r"4 of the 6 labels of the run .* have changed"):
        check(dataset=_flipped(toy))


def test_other_labels_of_what_the_data_set_was_asked_for(check, store, toy):
    _tell(store, toy, "dataset")
    check()
    ids = toy.splits.pool_ids[:4]
    wrong = toy.hidden.classes.copy()
    wrong[toy.train.rows(ids[2:3])] += 1
    changed = dataclasses.replace(toy, hidden=Labels(toy.hidden.ids, wrong % 3))
    with pytest.raises(InputError) as error:
        check(dataset=changed)
    assert "1 of the 10 labels of the run in " in str(error.value)
    assert str(error.value).endswith(
        f" have changed, first that of {ids[2]}; give it the same data or choose another "
        "--run_dir."
    )


def test_what_another_annotator_answered_is_not_compared(check, store, toy):
    _tell(store, _flipped(toy), "person")
    check()


def test_a_correction_is_not_compared_but_what_it_corrects_is(check, store, toy):
    initial = toy.splits.initial_ids
    corrections = toy.hidden.select(initial)
    _tell(store, toy, "dataset")
    store.tell(Labels(initial, (corrections.classes + 1) % 3), "person")
    check()
    with pytest.raises(InputError, match=r"of the 10 labels of the run"):
        check(dataset=_flipped(toy))


def test_what_was_skipped_has_no_label_to_compare(check, store, toy):
    ids = toy.splits.initial_ids
    _tell(store, toy, "person")
    store.tell(Labels.from_answers(dict.fromkeys(ids.tolist(), "skipped")), "dataset")
    check()


def test_what_has_not_changed_needs_no_word(store):
    same = {"replicas": "1", "model": "mine:net 0123", "dbal_tf": "9"}
    assert list(changed_since(store.reader, same)) == []


def test_the_number_of_devices_may_change_but_is_said(store):
    [notice] = changed_since(store.reader, {"replicas": "2", "model": "mine:net 0123"})
    assert notice == (
        "Devices when the run began: 1, now: 2. Dropout masks and rounding differ, so the "
        "run may buy other images than it would have."
    )
    unknown = {"model": "mine:net 0123"}
    assert list(changed_since(store.reader, unknown)) == []


def test_a_network_of_ones_own_may_change_but_is_said(store):
    [notice] = changed_since(store.reader, {"replicas": "1", "model": "mine:net 4567"})
    assert notice.startswith("The file that defines the model, or its weights, changed since")
    assert len(list(changed_since(store.reader, {"replicas": "2"}))) == 2
