import dataclasses

import numpy as np
import pytest

from dbal_tf.artifacts import Dataset, Labels, Query
from dbal_tf.components.csv_oracle import CsvOracle
from dbal_tf.components.label_studio_oracle import LabelStudioOracle
from dbal_tf.components.oracle import DatasetOracle, known_held_out, make_oracle
from dbal_tf.components.page import PageOracle
from dbal_tf.config import Config
from dbal_tf.core import InputError


def test_labels_are_the_hidden_ones_in_the_order_of_the_query(toy):
    asked = toy.splits.pool_ids[::-7]
    labels = DatasetOracle(toy).run(Query(asked, np.zeros(len(asked))))
    assert labels.ids.tolist() == asked.tolist()
    assert labels.classes.tolist() == [int(item[-2:]) % 3 for item in asked]
    assert labels.classes.dtype == np.int64


def test_nothing_asked():
    hidden = Labels(np.array(["a"]), np.array([1]))
    dataset = Dataset("", None, None, hidden, None, None, (), "")
    assert len(DatasetOracle(dataset).run(Query(np.array([], "U1"), np.zeros(0)))) == 0


def test_a_test_item_has_no_label_to_buy(toy):
    with pytest.raises(KeyError, match=toy.test.ids[0]):
        DatasetOracle(toy).run(Query(toy.test.ids[:1], np.zeros(1)))


def test_a_pool_without_labels_is_refused(toy):
    DatasetOracle(toy).check()
    unknown = np.isin(toy.hidden.ids, toy.splits.pool_ids[:4])
    hidden = Labels(toy.hidden.ids, np.where(unknown, -1, toy.hidden.classes))
    with pytest.raises(InputError, match="4 of the 45 images of the pool have no label; exp"):
        DatasetOracle(dataclasses.replace(toy, hidden=hidden)).check()


def test_known_are_the_labels_of_those_held_out_sets_that_a_start_asks_for(toy):
    known = np.where(np.arange(len(toy.test)) < 9, toy.test_labels.classes, -1)
    some = dataclasses.replace(toy, test_labels=Labels(toy.test.ids, known))
    tests = Query(np.append(toy.splits.pool_ids[:2], toy.test.ids[9:11]), np.zeros(4))
    labels = known_held_out(some, tests)
    assert labels.ids.tolist() == toy.test.ids[:9].tolist()
    assert labels.classes.tolist() == known[:9].tolist()
    validation = toy.splits.validation_ids
    labels = known_held_out(toy, Query(validation[:1], np.zeros(1)))
    assert labels.classes.tolist() == toy.hidden.select(validation).classes.tolist()
    assert not len(known_held_out(toy, None))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dataset", DatasetOracle),
        ("web", PageOracle),
        ("csv", CsvOracle),
        ("label_studio", LabelStudioOracle),
    ],
)
def test_every_name_has_an_oracle(toy, name, kind):
    config = Config(dataset="digits", oracle=name, acquisition=("bald",))
    assert type(make_oracle(config, toy)) is kind
