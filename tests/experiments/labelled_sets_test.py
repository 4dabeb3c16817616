import json
import pathlib

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.datasets import digits
from dbal_tf.experiments.labelled_sets import labelled_set
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.published import picks_csv
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

_CONFIG = Config(
    experiment="table2", dataset="digits", initial_per_class=3, validation_size=150, seed=5
)
_NAMES = tuple("0123456789")


@pytest.fixture
def bought(tmp_path):
    """Writes a run that was told some labels of the digits; returns its folder."""

    def write(name="run", checksum=None, names=_NAMES, skip=0, flags=(), other="") -> str:
        folder = tmp_path / name
        folder.mkdir()
        source = digits.load("")
        config = Config(dataset="digits", acquisition=("bald",), seed=9, **dict(flags))
        rows = np.flatnonzero(source.train_classes >= skip)[100:140]
        ids = np.char.add(source.train.ids[rows], other)
        labels = Labels(ids, source.train_classes[rows])
        record = RunRecord(
            config.to_flags(), checksum or source.checksum(), {"commit": "abc"}, names
        )
        (folder / "flags.cfg").write_text(config.to_flags())
        with Store(folder) as store:
            store.start(record, labels, "dataset", {})
        return str(folder)

    return write


def _publish(folder):
    """Leaves of a run what tools/collect_results.py would keep."""
    path = pathlib.Path(folder)
    (path / "picks.csv").write_text(picks_csv(RunReader.open(path).label_rows()))
    point = CurvePoint(0, 40, Evaluation(0.5, 1, 1, 1, 0.5, 1), 2.5, {})
    (path / "curve.csv").write_text(curve_csv([point]))
    (path / "versions.json").write_text(json.dumps({"commit": "abc"}))
    (path / "metadata.db").unlink()
    return folder


def test_a_balanced_set_by_seed():
    given = labelled_set(_CONFIG)
    labelled, validation, test = given.labelled(), given.validation(), given.test()
    assert np.bincount(labelled.classes).tolist() == [3] * 10
    assert (len(validation), len(given.unlabelled()), len(test)) == (150, 1020, 597)
    assert given.bought_by == ""
    dataset = load(_CONFIG)
    np.testing.assert_array_equal(given.labels.ids, dataset.splits.initial_ids)
    for images, ids in (
        (labelled.images, given.labels.ids),
        (validation.images, dataset.splits.validation_ids),
        (given.unlabelled(), dataset.splits.pool_ids),
    ):
        np.testing.assert_array_equal(images, dataset.train.select(ids).images)
    np.testing.assert_array_equal(
        validation.classes, dataset.hidden.select(dataset.splits.validation_ids).classes
    )
    other = labelled_set(_CONFIG.replace(repetition=1))
    assert set(other.labels.ids) != set(given.labels.ids)


@pytest.mark.parametrize("publish", [lambda folder: folder, _publish])
def test_labels_that_a_run_bought(bought, publish):
    folder = publish(bought())
    one, other = (
        labelled_set(_CONFIG.replace(labels_from=folder, repetition=number))
        for number in (0, 1)
    )
    assert one.bought_by == "bald, repetition 0, seed 9"
    source = digits.load("")
    np.testing.assert_array_equal(one.labels.ids, source.train.ids[100:140])
    np.testing.assert_array_equal(one.labelled().images, source.train.images[100:140])
    np.testing.assert_array_equal(one.labelled().classes, source.train_classes[100:140])
    splits = one.dataset.splits
    for ids in (splits.validation_ids, splits.pool_ids):
        assert not np.isin(ids, one.labels.ids).any()
    assert (len(splits.validation_ids), len(splits.pool_ids)) == (150, 1010)
    # Another repetition is of the same labels.
    np.testing.assert_array_equal(other.labels.ids, one.labels.ids)
    assert set(other.dataset.splits.validation_ids) != set(splits.validation_ids)


def test_the_first_of_them_in_the_order_of_purchase(bought):
    given = labelled_set(_CONFIG.replace(labels_from=bought(), labels=35))
    assert given.labels.ids.tolist() == digits.load("").train.ids[100:135].tolist()


@pytest.mark.parametrize(
    ("run", "changes", "message"),
    [
        ({}, {"labels": 41}, "--labels=41 is above the 40 labels that .* has; use at most"),
        ({}, {"labels": 5}, "The 5 labels of .* have none of class [0-9]; expected at least"),
        ({"skip": 1}, {}, "have none of class 0; expected at least one of each"),
        ({"checksum": "d" * 64}, {}, "of other data than --dataset=digits .*checksums differ"),
        ({"other": "x"}, {}, "is a run of other data .*it has no image digits-[0-9]*x"),
        ({"names": tuple("abcdefghij")}, {}, "has the classes a, b, .*; expected 0, 1, "),
        ({}, {"validation_size": 1170}, "1160 labelled .* after the initial 40"),
    ],
)
def test_a_run_that_does_not_fit(bought, run, changes, message):
    config = _CONFIG.replace(labels_from=bought(**run), **changes)
    with pytest.raises(InputError, match=message) as error:
        labelled_set(config)
    assert "\n" not in str(error.value)


def test_published_results_of_other_images_are_refused(bought):
    folder = _publish(bought())
    path = pathlib.Path(folder, "picks.csv")
    lines = path.read_text().splitlines()
    first = lines[1].split(",")
    first[3] = str((int(first[3]) + 1) % 10)
    path.write_text("\n".join([lines[0], ",".join(first), *lines[2:]]) + "\n")
    with pytest.raises(InputError, match="some classes differ"):
        labelled_set(_CONFIG.replace(labels_from=folder))
    folder = _publish(bought("another"))
    flags = pathlib.Path(folder, "flags.cfg")
    flags.write_text(flags.read_text().replace("--dataset=digits", "--dataset=mnist"))
    with pytest.raises(InputError, match="it is of --dataset=mnist"):
        labelled_set(_CONFIG.replace(labels_from=folder))
