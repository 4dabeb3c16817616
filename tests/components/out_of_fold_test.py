import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.artifacts import Labels, Model
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components.out_of_fold import OutOfFold, fold_of
from dbal_tf.store.layout import out_of_fold_file, predictions_file


def test_the_labels_of_a_class_take_turns():
    assert fold_of(np.array([0, 0, 0, 0, 0]), 3).tolist() == [0, 1, 2, 0, 1]
    # Class 1 begins with fold 1; the only label of class 2 is always trained on.
    assert fold_of(np.array([1, 0, 1, 2, 1, 0]), 2).tolist() == [1, 0, 0, -1, 1, 1]


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(2, 6))
def test_each_class_is_left_in_the_rest_and_folds_stay_as_labels_come(classes, folds):
    classes = np.array(classes, np.int64)
    of = fold_of(classes, folds)
    for fold in range(folds):
        assert set(classes[of != fold]) == set(classes)
    for label in set(classes):
        sizes = np.bincount(of[(classes == label) & (of >= 0)], minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    before = fold_of(classes[:-1], folds)
    # An only label gets its fold with the second of its class.
    assert (before[before >= 0] == of[:-1][before >= 0]).all()


class Fit:
    """Hands out one network, and notes the labels and seeds that it was asked for."""

    def __init__(self):
        self.network = bayesian_cnn((8, 8, 1), 3, 0, kernel_size=2)
        self.calls = []

    def __call__(self, labels, seed):
        self.calls.append((labels.ids.tolist(), seed))
        return Model(self.network, len(labels), 2.5, seed)


@pytest.fixture(scope="module")
def fit():
    return Fit()


@pytest.fixture(autouse=True)
def fresh(fit):
    fit.calls.clear()


@pytest.fixture
def component(tmp_path):
    return OutOfFold(str(tmp_path), "mc_dropout", 2, 3)


@pytest.fixture
def labels(toy):
    return Labels(toy.train.ids[:24], np.arange(24) % 3)


def _seed(purpose):
    return len(purpose)


def _file(tmp_path, index):
    with np.load(tmp_path / out_of_fold_file(index), allow_pickle=False) as file:
        assert file["probs"].dtype == np.float32 and file["probs"].shape[1:] == (3,)
        return dict(zip(file["ids"].tolist(), file["rounds"].tolist(), strict=True))


def _predict(tmp_path, index, ids, trained):
    path = tmp_path / predictions_file(index)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, ids=np.array(ids), probs=np.full((len(ids), 3), 1 / 3), trained=trained)


def _all(component, fit, toy, labels, index):
    count = 0
    while component.run(fit, toy, labels, index, _seed):
        count += 1
    return count


def test_each_label_is_predicted_by_a_network_without_it(component, fit, toy, labels, tmp_path):
    assert _all(component, fit, toy, labels, 1) == 3
    apart = [set(labels.ids.tolist()) - set(ids) for ids, _ in fit.calls]
    assert sum(map(len, apart)) == 24 and max(map(len, apart)) == 8
    assert set().union(*apart) == set(labels.ids.tolist())
    assert _file(tmp_path, 1) == dict.fromkeys(labels.ids.tolist(), 1)


def test_it_goes_on_from_the_file(component, fit, toy, labels, tmp_path):
    assert component.run(fit, toy, labels, 1, _seed)
    done = set(_file(tmp_path, 1))
    other = OutOfFold(str(tmp_path), "mc_dropout", 2, 3)
    assert _all(other, fit, toy, labels, 1) == 2
    apart = [set(labels.ids.tolist()) - set(ids) for ids, _ in fit.calls]
    assert apart[0] == done and not done & (apart[1] | apart[2])


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_a_damaged_file_is_made_anew(component, fit, toy, labels, tmp_path, content):
    path = tmp_path / out_of_fold_file(1)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert _all(component, fit, toy, labels, 1) == 3


def test_what_was_given_up_leaves_the_file_as_it_was(component, fit, toy, labels, tmp_path):
    assert component.run(fit, toy, labels, 1, _seed)
    before = (tmp_path / out_of_fold_file(1)).read_bytes()

    def stopped(labels, seed):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        component.run(stopped, toy, labels, 1, _seed)
    assert (tmp_path / out_of_fold_file(1)).read_bytes() == before


def test_too_few_labels_are_not_predicted(component, fit, toy, labels):
    assert not component.run(fit, toy, labels.first(19), 1, _seed) and not fit.calls


def test_until_a_fold_is_done_earlier_rounds_count(component, fit, toy, labels, tmp_path):
    first, ids = labels.first(21), labels.ids.tolist()
    _all(component, fit, toy, first, 1)
    # What round 1 said of three items, before they had a label, and of one that it learned.
    trained = [True] * 21 + [False] * 3
    _predict(tmp_path, 1, ids, trained)

    def stopped(labels, seed):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        component.run(stopped, toy, labels, 2, _seed)
    assert _file(tmp_path, 2) == dict.fromkeys(ids, 1)
    assert component.run(fit, toy, labels, 2, _seed)
    assert set(_file(tmp_path, 2).values()) == {1, 2}


def test_a_model_of_far_fewer_labels_does_not_count(component, fit, toy, labels, tmp_path):
    ids = labels.ids.tolist()
    _predict(tmp_path, 0, ids, [True] * 11 + [False] * 13)
    assert component.run(fit, toy, labels, 1, _seed)
    assert set(_file(tmp_path, 1).values()) == {1}
    _predict(tmp_path, 2, ids, [True] * 12 + [False] * 12)
    assert component.run(fit, toy, labels, 3, _seed)
    assert set(_file(tmp_path, 3).values()) == {2, 3}
