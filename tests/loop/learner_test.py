"""The rounds of a run whose labels a person gives, while models are trained."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from dbal_tf.artifacts import Dataset, Labels, Splits
from dbal_tf.audit.command import main as audit
from dbal_tf.components import out_of_fold
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.loop import Run, learner
from dbal_tf.store import layout
from dbal_tf.store.rows import TEST, WITHDRAWN
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters")


class Person:
    """Knows the true classes, and counts what was asked for."""

    def __init__(self, dataset: Dataset) -> None:
        parts = dataset.hidden, dataset.test_labels
        self.classes = {i: int(c) for p in parts for i, c in zip(p.ids, p.classes, strict=True)}

    def answer(self, ids):
        return Labels.from_answers({str(item): self.classes[str(item)] for item in ids})


@pytest.fixture
def person(toy):
    return Person(toy)


@pytest.fixture
def unlabelled(toy):
    """The toy data, of which no class is known."""
    pool = np.concatenate([toy.splits.initial_ids, toy.splits.pool_ids])
    nobody = np.array([], np.str_)
    return dataclasses.replace(
        toy,
        splits=Splits(nobody, toy.splits.validation_ids, np.sort(pool)),
        hidden=Labels(toy.hidden.ids, np.full(60, -1)),
        test_labels=Labels(toy.test.ids, np.full(31, -1)),
    )


@pytest.fixture
def config(tmp_path, no_export):
    return Config(
        dataset="digits",
        oracle="web",
        acquisition=("bald",),
        rounds=2,
        acquisition_size=3,
        validation_size=9,
        kernel_size=2,
        epochs=3,
        num_samples=3,
        run_dir=str(tmp_path / "run"),
    )


def _store(config):
    return Store(pathlib.Path(config.run_dir))


def _wrong(config, capsys):
    """What the audit finds, but for the SavedModel, which is left out."""
    audit([config.run_dir])
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if "WRONG" in line and "exports are" not in line]


def _finish(config, dataset, person, waits=0):
    with Run.open(config, dataset) as run:
        while query := run.ask():
            for _ in range(waits):
                run.use_wait()
            run.tell(person.answer(query.ids))
        return run.curve()


def test_a_run_without_any_label_begins_by_asking_at_random(config, unlabelled, person, capsys):
    with Run.open(config, unlabelled) as run:
        start = run.ask()
        pool = set(unlabelled.splits.pool_ids)
        assert [item in pool for item in start.ids] == [True] * 6 + [False] * 20
        assert len(set(start.ids)) == 26
        run.tell(person.answer(start.ids[:5]))
        assert run.ask().ids.tolist() == start.ids[5:].tolist(), "nothing is trained yet"
        assert run.curve() == []
        run.tell(person.answer(start.ids[5:]))
        assert len(run.ask()) == 3
        (point,) = run.curve()
    assert point.labels == 6
    measured = sum(count for count, _, _ in point.evaluation.reliability)
    assert measured == 20, "on the test items whose class was told"
    assert [row.labels for row in _finish(config, unlabelled, person)] == [6, 9, 12]
    assert _wrong(config, capsys) == []


def test_a_class_that_is_told_counts_more_than_that_of_the_data_set(config, toy, person):
    with Run.open(config, toy) as run:
        run.ask()
        wrong = {str(item): (person.classes[item] + 1) % 3 for item in toy.test.ids}
        run.tell(person.answer(run.ask().ids))
        run.tell(Labels.from_answers(wrong))
        run.ask()
        right, turned = (point.evaluation for point in run.curve())
    assert right.error != turned.error
    with _store(config) as store:
        assert len(store.reader.labels()) == 9, "no test item is trained on"
        assert len(store.reader.labels(use=TEST)) == 31


def test_without_a_test_label_nothing_is_measured_and_the_run_goes_on(
    config, unlabelled, person, capsys
):
    with Run.open(config, unlabelled) as run:
        start = run.ask()
        skipped = dict.fromkeys(start.ids[6:].tolist(), "skipped")
        run.tell(person.answer(start.ids[:6]))
        run.tell(Labels.from_answers(skipped))
    curve = _finish(config, unlabelled, person)
    assert np.isnan([point.evaluation.error for point in curve]).all()
    assert _wrong(config, capsys) == []


def test_a_weight_decay_is_chosen_though_no_class_was_known_at_first(
    config, unlabelled, person, monkeypatch
):
    chosen = []

    def choose(self, fitter, dataset, labels, validation, seed, before):
        chosen.append((len(labels), len(validation), before))
        return 1.0

    monkeypatch.setattr(learner.Trainer, "choose_weight_decay", choose)
    config = config.replace(weight_decay="auto", acquisition_size=12)
    assert [row.labels for row in _finish(config, unlabelled, person)] == [6, 18, 30]
    assert chosen == [(6, 9, None), (30, 9, 1.0)], "again, with five times as many labels"


def test_the_training_is_given_the_validation_labels_that_are_known(
    config, unlabelled, person, monkeypatch
):
    train, given = learner.Trainer.run, []

    def spy(self, *arguments, validation=None):
        given.append([] if validation is None else sorted(validation.ids.tolist()))
        return train(self, *arguments, validation=validation)

    monkeypatch.setattr(learner.Trainer, "run", spy)
    told = unlabelled.splits.validation_ids[:2]
    with Run.open(config, unlabelled) as run:
        run.tell(person.answer(run.ask().ids))
        query = run.ask().ids
        run.tell(person.answer(told))
        run.tell(person.answer(query))
        run.ask()
    assert given == [[], sorted(told.tolist())]


def test_without_a_label_to_train_on_a_sentence_says_so(config, unlabelled):
    with Run.open(config, unlabelled) as run:
        run.tell(Labels.from_answers(dict.fromkeys(run.ask().ids.tolist(), "skipped")))
        with pytest.raises(InputError, match="No image has a label yet; expected at least one"):
            run.ask()


@pytest.mark.parametrize("is_fixed", [False, True], ids=["", "fixed to nothing before"])
def test_a_label_after_that_is_enough_to_go_on(config, unlabelled, person, is_fixed):
    with Run.open(config, unlabelled) as run:
        first = run.ask().ids
        run.tell(Labels.from_answers(dict.fromkeys(first.tolist(), "skipped")))
        with pytest.raises(InputError, match="No image has a label yet"):
            run.ask()
    if is_fixed:
        with _store(config) as store:
            store.begin(0)
    with Run.open(config, unlabelled) as run:
        run.tell(person.answer(first[:2]))
        assert len(run.ask()) == 3
        assert [point.labels for point in run.curve()] == [2]


def _reserve(reader):
    """Returns the reserve of the last query, of which all that was waited for is answered."""
    ids = reader.query(reader.last_round()).ids
    return ids[~np.isin(ids, reader.answered_ids())].tolist()


def test_what_is_left_of_the_pool_is_learnt_though_it_was_labelled_while_the_last_round_trained(
    config, toy, person, monkeypatch, capsys
):
    splits = dataclasses.replace(toy.splits, pool_ids=toy.splits.pool_ids[:9])
    ids = np.concatenate([splits.initial_ids, splits.validation_ids, splits.pool_ids])
    small = dataclasses.replace(
        toy, train=toy.train.select(ids), hidden=toy.hidden.select(ids), splits=splits
    )
    train, told = learner.Trainer.run, []

    def answer_the_rest(self, fitter, dataset, labels, decay, seed, **_):
        if len(labels) == 12:
            with _store(config) as page:
                told.extend(_reserve(page.reader))
                page.tell(person.answer(told), "page")
        return train(self, fitter, dataset, labels, decay, seed)

    monkeypatch.setattr(learner.Trainer, "run", answer_the_rest)
    curve = _finish(config.replace(rounds=3), small, person)
    assert len(told) == 3
    assert [point.labels for point in curve] == [6, 9, 12, 15]
    assert _wrong(config, capsys) == []


@pytest.mark.parametrize("is_killed", [False, True], ids=["goes on", "killed and done again"])
def test_answers_given_while_a_model_is_trained_are_for_the_next(
    config, toy, person, monkeypatch, capsys, is_killed
):
    """Whoever goes on with the reserve changes nothing for the round that is trained."""
    train = learner.Trainer.run
    told = []

    def answer_meanwhile(self, fitter, dataset, labels, decay, seed, **_):
        model = train(self, fitter, dataset, labels, decay, seed)
        if len(labels) == 9 and not told:
            with _store(config) as page:
                told.extend(_reserve(page.reader)[:2])
                page.tell(person.answer(told), "page")
            if is_killed:
                raise KeyboardInterrupt
        return model

    monkeypatch.setattr(learner.Trainer, "run", answer_meanwhile)
    if is_killed:
        with pytest.raises(KeyboardInterrupt):
            _finish(config, toy, person)
    curve = _finish(config, toy, person)
    assert [point.labels for point in curve] == [6, 9, 14]
    with _store(config) as store:
        assert len(set(told) & set(store.reader.labels(before=1).ids)) == 0
        assert set(told) <= set(store.reader.labels(before=2).ids)
        assert not set(told) & set(store.reader.query(1).ids), "they are not asked for again"
    assert _wrong(config, capsys) == []


@pytest.mark.parametrize("when", ["while the next round trains", "after the end"])
def test_the_audit_takes_no_offence_at_an_answer_that_is_given_again(
    config, toy, person, monkeypatch, capsys, when
):
    train, items = learner.Trainer.run, []

    def take_back(self, fitter, dataset, labels, decay, seed, **_):
        if when.startswith("while") and len(labels) == 9 and not items:
            with _store(config) as page:
                items.append(str(page.reader.query(0).ids[0]))
                page.withdraw(items, "person")
        return train(self, fitter, dataset, labels, decay, seed)

    monkeypatch.setattr(learner.Trainer, "run", take_back)
    _finish(config, toy, person)
    assert _wrong(config, capsys) == []
    with _store(config) as page:
        item = items[0] if items else str(page.reader.query(0).ids[0])
        if not items:
            page.withdraw([item], "person")
        page.tell(person.answer([item]), "person", seconds=3.0)
    assert _wrong(config, capsys) == []


def test_what_was_taken_back_is_asked_for_again(config, toy, person):
    with Run.open(config, toy) as run:
        query = run.ask()
        run.tell(person.answer(query.ids[:2]))
        with _store(config) as page:
            page.withdraw([str(query.ids[0])], "person")
            assert page.reader.answers()[-1].state == WITHDRAWN
        assert run.ask().ids.tolist() == query.ids[[0, 2]].tolist()
        run.tell(person.answer(query.ids[[0, 2]]))
        run.ask()
        assert [point.labels for point in run.curve()] == [6, 9]


def test_the_page_is_told_what_the_model_predicts_and_what_the_run_does(config, toy, person):
    folder = pathlib.Path(config.run_dir)
    with Run.open(config, toy) as run:
        query = run.ask()
        state = json.loads((folder / layout.STATE_FILE).read_text())
        assert (state["state"], state["round"]) == ("asking", 0)
        with np.load(folder / layout.predictions_file(0), allow_pickle=False) as shown:
            ids, probs = shown["ids"], shown["probs"]
        assert set(query.ids) <= set(ids)
        assert set(toy.splits.initial_ids) <= set(ids)
        np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    _finish(config, toy, person)
    assert json.loads((folder / layout.STATE_FILE).read_text())["state"] == "done"


def test_a_resumed_run_tells_the_page_what_it_does(config, toy, person):
    path = pathlib.Path(config.run_dir, layout.STATE_FILE)

    def state_after_a_kill():
        # As if the trainer had been killed between its commit and the note for the page.
        path.write_text(json.dumps({"state": "training", "round": 0, "time": ""}))
        with Run.open(config, toy):
            return json.loads(path.read_text())["state"]

    with Run.open(config, toy) as run:
        query = run.ask()
    assert state_after_a_kill() == "asking"
    with Run.open(config, toy) as run:
        run.tell(person.answer(query.ids))
    assert state_after_a_kill() == "training"
    _finish(config, toy, person)
    assert state_after_a_kill() == "done"


@pytest.fixture
def few_are_enough(monkeypatch):
    monkeypatch.setattr(out_of_fold, "_LEAST", 6)


def _apart(config, index):
    """The items of a round's file, and the rounds whose networks predicted them."""
    path = pathlib.Path(config.run_dir, layout.out_of_fold_file(index))
    with np.load(path, allow_pickle=False) as file:
        return dict(zip(file["ids"].tolist(), file["rounds"].tolist(), strict=True))


def _bought(config):
    with _store(config) as store:
        measures = [(point.labels, point.evaluation) for point in store.reader.curve()]
        return store.reader.asked(), measures


def test_the_wait_is_used_and_buys_nothing_else(
    config, toy, person, tmp_path, few_are_enough, capsys
):
    _finish(config, toy, person)
    other = config.replace(run_dir=str(tmp_path / "other"), disagreement_folds=2)
    _finish(other, toy, person, waits=4)
    assert _bought(other) == _bought(config)
    with _store(other) as store:
        for index in range(2):
            ids = store.reader.labels(before=index).ids.tolist()
            assert _apart(other, index) == dict.fromkeys(ids, index)
    assert _wrong(other, capsys) == []
    assert not pathlib.Path(config.run_dir, layout.out_of_fold_file(0)).exists()


def test_what_was_killed_goes_on_with_the_folds_that_are_left(
    config, toy, person, few_are_enough
):
    config = config.replace(disagreement_folds=3)
    with Run.open(config, toy) as run:
        run.ask()
        run.use_wait()
    first = _apart(config, 0)
    assert 0 < len(first) < 6
    with Run.open(config, toy) as run:
        for _ in range(2):
            run.use_wait()
        assert len(_apart(config, 0)) == 6


@pytest.mark.parametrize("others", [{"disagreement_folds": 0}, {"oracle": "csv"}])
def test_without_folds_or_a_page_the_wait_is_for_nothing(
    config, toy, person, few_are_enough, others
):
    with Run.open(config.replace(**others), toy) as run:
        run.ask()
        run.use_wait()
    assert not pathlib.Path(config.run_dir, layout.out_of_fold_file(0)).exists()


def test_answers_end_a_fold_at_once(config, toy, person, monkeypatch, few_are_enough):
    checks = []

    def answer_meanwhile(
        self, fitter, dataset, labels, decay, seed, check=None, validation=None
    ):
        if check is not None:
            check()
            with _store(config) as page:
                page.tell(person.answer(page.reader.pending(3).ids), "page")
            checks.append(1)
            check()
        return train(self, fitter, dataset, labels, decay, seed)

    train = learner.Trainer.run
    monkeypatch.setattr(learner.Trainer, "run", answer_meanwhile)
    curve = _finish(config, toy, person, waits=1)
    assert [point.labels for point in curve] == [6, 9, 12] and len(checks) == 2
    assert set(_apart(config, 1).values()) == {0}, "what was known before they had labels"


def test_a_fold_that_cannot_be_trained_does_not_end_the_run(
    config, toy, person, monkeypatch, few_are_enough
):
    calls, train = [], learner.Trainer.run

    def fail(self, fitter, dataset, labels, decay, seed, check=None, held_out=None, **_):
        if check is not None:
            calls.append(1)
            raise ArithmeticError("The training loss became nan.")
        return train(self, fitter, dataset, labels, decay, seed)

    monkeypatch.setattr(learner.Trainer, "run", fail)
    assert len(_finish(config, toy, person, waits=3)) == 3
    assert len(calls) == 2, "once a round"
