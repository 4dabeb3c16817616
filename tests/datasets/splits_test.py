import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbal_tf.artifacts import Splits
from dbal_tf.core import InputError
from dbal_tf.datasets.splits import (
    draw_counts,
    draw_groups,
    make_splits,
    split_around,
    split_unlabelled,
    stratified_folds,
)


def _ids(count: int) -> np.ndarray:
    return np.array([f"item-{position:04d}" for position in range(count)])


@st.composite
def _arguments(draw: st.DrawFn) -> dict:
    """Items that can be split: enough of each class, a few of them unlabelled."""
    num_classes, initial = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    validation = draw(st.integers(1, 8))
    extra = draw(st.lists(st.integers(-1, num_classes - 1), min_size=1, max_size=30))
    classes = list(range(num_classes)) * initial + [0] * validation + extra
    classes = np.array(draw(st.permutations(classes)))
    return {
        "ids": _ids(len(classes)),
        "classes": classes,
        "num_classes": num_classes,
        "initial_per_class": initial,
        "validation_size": validation,
        "seed": draw(st.integers(0, 2**31 - 1)),
    }


def _lists(splits: Splits) -> list[list[str]]:
    return [
        part.tolist() for part in (splits.initial_ids, splits.validation_ids, splits.pool_ids)
    ]


@settings(max_examples=100, deadline=None)
@given(_arguments())
def test_properties(arguments: dict) -> None:
    splits = make_splits(**arguments)
    initial, validation, pool = _lists(splits)
    ids, classes = arguments["ids"].tolist(), arguments["classes"]
    assert sorted(initial + validation + pool) == ids, "disjoint, and together all"
    assert len(validation) == arguments["validation_size"]
    of_initial = [classes[ids.index(item)] for item in initial]
    balanced = np.full(arguments["num_classes"], arguments["initial_per_class"])
    np.testing.assert_array_equal(np.bincount(of_initial), balanced)
    assert all(classes[ids.index(item)] >= 0 for item in validation)
    assert pool == sorted(pool), "in the order of the source"
    assert _lists(make_splits(**arguments)) == [initial, validation, pool]


def test_known_splits_of_a_seed() -> None:
    # numpy's PCG64(0) permutes 8 items to 2 4 3 6 5 0 1 7: 2 is the first even
    # number, 3 the first odd one, 4 and 6 are next.
    splits = make_splits(_ids(8), np.array([0, 1] * 4), 2, 1, 2, seed=0)
    numbers = [[int(item[-1]) for item in part] for part in _lists(splits)]
    assert numbers == [[2, 3], [4, 6], [0, 1, 5, 7]]


def test_another_seed_splits_otherwise() -> None:
    classes = np.arange(1000) % 10
    one, other = (_lists(make_splits(_ids(1000), classes, 10, 2, 100, s)) for s in (1, 2))
    assert all(a != b for a, b in zip(one, other, strict=True))


def test_every_item_is_as_likely_to_be_initial_or_validation() -> None:
    classes = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    counts = np.zeros((2, 8))
    for seed in range(2000):
        initial, validation, _ = _lists(make_splits(_ids(8), classes, 2, 1, 2, seed))
        for row, items in enumerate((initial, validation)):
            counts[row, [int(item[-1]) for item in items]] += 1
    # 2 of 8 each: 500 expected, standard deviation 19.
    np.testing.assert_allclose(counts, 500, atol=6 * 19.4)


def test_initial_items_come_in_no_order_of_class() -> None:
    classes = np.arange(100) // 10
    first = {
        int(make_splits(_ids(100), classes, 10, 2, 10, seed).initial_ids[0][-2])
        for seed in range(100)
    }
    assert first == set(range(10))


@pytest.mark.parametrize(
    ("classes", "initial", "validation", "message"),
    [
        ([0, 0, 0, 1], 2, 1, "class 1 has 1 labelled .* at least --initial_per_class=2"),
        ([0, 0, 0, 0], 1, 1, "class 1 has 0 labelled"),
        ([-1, -1, -1, -1], 1, 1, "class 0 has 0 labelled"),
        ([0, 1, 0, -1, -1], 1, 2, "1 labelled .* after the initial 2; .*--validation_size=2"),
        ([0, 1, 0, 1], 1, 2, "take all 4 training images; .* for the pool"),
    ],
)
def test_too_few_items(classes: list, initial: int, validation: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_splits(_ids(len(classes)), np.array(classes), 2, initial, validation, seed=0)


def test_a_class_is_called_by_its_name() -> None:
    with pytest.raises(InputError, match="class dog has 1 labelled training images"):
        make_splits(_ids(4), np.array([0, 0, 0, 1]), 2, 2, 1, 0, class_names=("cat", "dog"))


def test_unlabelled_items_are_enough_of_a_pool() -> None:
    splits = make_splits(_ids(4), np.array([-1, 0, 1, 1]), 2, 1, 1, seed=0)
    assert splits.pool_ids.tolist() == ["item-0000"]


def test_a_pool_of_a_size_is_a_part_of_the_whole() -> None:
    arguments = (_ids(50), np.arange(50) % 2, 2, 3, 4, 7)
    whole, part = make_splits(*arguments), make_splits(*arguments, pool_size=10)
    assert _lists(whole)[:2] == _lists(part)[:2]
    assert len(part.pool_ids) == 10
    assert set(part.pool_ids) < set(whole.pool_ids)
    assert part.pool_ids.tolist() == sorted(part.pool_ids)
    assert _lists(make_splits(*arguments, pool_size=99)) == _lists(whole)


def test_a_given_initial_set_keeps_its_order_and_leaves_the_rest() -> None:
    ids, classes = _ids(12)[::-1], np.array([0, 1, -1] * 4)
    given = ids[[4, 0, 10]]
    splits = split_around(ids, classes, given, 2, seed=3)
    assert splits.initial_ids.tolist() == given.tolist()
    everything = np.concatenate([splits.initial_ids, splits.validation_ids, splits.pool_ids])
    assert sorted(everything) == sorted(ids)
    known = dict(zip(ids, classes, strict=True))
    assert all(known[item] >= 0 for item in splits.validation_ids)
    assert _lists(splits) == _lists(split_around(ids, classes, given, 2, seed=3))
    assert _lists(splits) != _lists(split_around(ids, classes, given, 2, seed=4))
    assert len(split_around(ids, classes, given, 2, seed=3, pool_size=1).pool_ids) == 1


def test_too_few_items_around_a_given_initial_set() -> None:
    ids, classes = _ids(4), np.array([0, 1, 0, -1])
    with pytest.raises(InputError, match=r"1 labelled .* after the initial 2"):
        split_around(ids, classes, ids[:2], 2, seed=0)


@st.composite
def _grouped(draw: st.DrawFn) -> tuple[dict, np.ndarray]:
    arguments = draw(_arguments())
    count = len(arguments["ids"])
    if draw(st.booleans()):  # small ones, that can be split
        return arguments, np.arange(count) // draw(st.integers(1, 3))
    groups = draw(st.lists(st.integers(0, count // 2), min_size=count, max_size=count))
    return arguments, np.array(groups)


def _check_groups(ids: list[str], groups: np.ndarray, splits: Splits) -> None:
    initial, validation, pool = _lists(splits)
    assert sorted(initial + validation + pool) == ids, "disjoint, and together all"
    of_item = dict(zip(ids, groups.tolist(), strict=True))
    in_validation = {of_item[item] for item in validation}
    assert not in_validation & {of_item[item] for item in initial + pool}


@settings(max_examples=200, deadline=None)
@given(_grouped())
def test_no_group_is_on_both_sides(drawn: tuple[dict, np.ndarray]) -> None:
    arguments, groups = drawn
    try:
        splits = make_splits(**arguments, groups=groups)
    except InputError as error:
        assert "remain" in str(error) or "pool" in str(error)
    else:
        wanted = arguments["validation_size"]
        assert wanted / 2 <= len(splits.validation_ids) <= wanted
        _check_groups(arguments["ids"].tolist(), groups, splits)


@settings(max_examples=200, deadline=None)
@given(_grouped())
def test_few_labels(drawn: tuple[dict, np.ndarray]) -> None:
    arguments, groups = drawn
    names = ("ids", "classes", "validation_size", "seed")
    given_ones = {name: arguments[name] for name in names}
    try:
        splits = split_unlabelled(**given_ones, groups=groups)
    except InputError as error:
        said = (
            "near copies and groups together",
            "pool",
            "have a label; expected some without one",
        )
        assert any(reason in str(error) for reason in said)
        return
    _check_groups(arguments["ids"].tolist(), groups, splits)
    class_of = dict(zip(arguments["ids"], arguments["classes"], strict=True))
    assert all(class_of[item] >= 0 for item in splits.initial_ids)
    assert all(class_of[item] < 0 for item in splits.pool_ids)


def test_nothing_is_labelled() -> None:
    unknown = np.full(20, -1)
    splits = split_unlabelled(_ids(20), unknown, 5, seed=1, pool_size=7)
    assert [len(part) for part in _lists(splits)] == [0, 5, 7]
    other = split_unlabelled(_ids(20), unknown, 5, seed=2)
    with pytest.raises(InputError, match=r"^all 15 images outside .* use --oracle=dataset"):
        split_unlabelled(_ids(20), np.zeros(20, np.int64), 5, seed=1)
    assert set(other.validation_ids) != set(splits.validation_ids)


def test_a_large_group_is_why_too_few_are_left() -> None:
    classes, groups = np.arange(30) % 2, np.zeros(30, np.int64)
    with pytest.raises(InputError) as error:
        make_splits(_ids(30), classes, 2, 1, 5, seed=0, groups=groups)
    assert str(error.value) == (
        "28 labelled training images remain after the initial 2, of which 0 can be drawn, as "
        "near copies and groups stay together; expected at least --validation_size=5; lower "
        "it, add images, or give --near_copies=ignore if they are no copies."
    )
    with pytest.raises(InputError, match="give --near_copies=ignore"):
        split_unlabelled(_ids(30), np.full(30, -1), 5, seed=0, groups=groups)


def test_groups_of_one_each_change_nothing() -> None:
    arguments = (_ids(40), np.arange(40) % 2, 2, 1, 9, 3)
    assert _lists(make_splits(*arguments)) == _lists(
        make_splits(*arguments, groups=np.arange(40))
    )


def test_draw_groups_known_answer() -> None:
    groups = np.array([7, 5, 7, 7, 2, 5])
    order = np.array([5, 0, 4, 1, 2, 3])
    assert draw_groups(order, groups, 3).tolist() == [5, 1, 4]
    assert draw_groups(order, groups, 2).tolist() == [5, 1]
    assert draw_groups(order, groups, 6).tolist() == [5, 1, 0, 2, 3, 4]
    assert draw_groups(order, groups, 1).tolist() == [4]


def test_an_initial_set_of_unequal_counts() -> None:
    classes = np.arange(100) % 2
    initial, _, pool = _lists(make_splits(_ids(100), classes, 2, [8, 2], 5, seed=0))
    numbers = [int(item[-4:]) for item in initial]
    assert np.bincount(classes[numbers]).tolist() == [8, 2]
    assert len(pool) == 85
    equal = _lists(make_splits(_ids(100), classes, 2, [2, 2], 5, seed=0))
    assert equal == _lists(make_splits(_ids(100), classes, 2, 2, 5, seed=0))
    with pytest.raises(
        InputError, match=r"class 1 has 50 .* the number in --initial_counts, 51"
    ):
        make_splits(_ids(100), classes, 2, [8, 51], 5, seed=0)


def test_folds_of_lesions() -> None:
    classes = (np.arange(860) >= 687).astype(int)
    folds = stratified_folds(classes, np.arange(860), 5, seed=3)
    assert sorted(np.bincount(folds[classes == 1])) == [34, 34, 35, 35, 35]
    assert sorted(np.bincount(folds[classes == 0])) == [137, 137, 137, 138, 138]
    assert np.bincount(folds).tolist() == [172] * 5
    np.testing.assert_array_equal(folds, stratified_folds(classes, np.arange(860), 5, seed=3))
    assert (folds != stratified_folds(classes, np.arange(860), 5, seed=4)).mean() > 0.7


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 30)), min_size=1, max_size=60),
    st.integers(2, 6),
    st.integers(0, 2**31 - 1),
)
def test_folds_hold_whole_groups(items: list, folds: int, seed: int) -> None:
    classes, groups = np.array(items).T
    found = stratified_folds(classes, groups, folds, seed)
    assert set(found) <= set(range(folds))
    assert all(len(set(found[groups == group])) == 1 for group in groups)
    # Whichever fold is the largest, its last group went to what was the smallest then.
    alone = stratified_folds(classes, np.arange(len(classes)), folds, seed)
    for index in set(classes):
        sizes = np.bincount(alone[classes == index], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


def test_drawn_counts_are_of_whole_groups() -> None:
    classes, groups = np.array([0, 0, 0, 1, 1, 1, -1]), np.array([0, 0, 1, 2, 3, 3, 4])
    for seed in range(20):
        rows = draw_counts(classes, groups, [1, 2], seed)
        # The pair of class 0 does not fit; of class 1 the pair or the single item.
        assert rows.tolist().count(2) == 1
        assert sorted(rows) in ([2, 4, 5], [2, 3])
    assert len(draw_counts(classes, groups, [0, 0], seed=0)) == 0
