import contextlib
import csv
import dataclasses
import json
import os
import pathlib
import sqlite3

import numpy as np
import pytest

from dbal_tf import loop
from dbal_tf.artifacts import Labels
from dbal_tf.audit import command as audit
from dbal_tf.audit.checks import CHECKS, check
from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.folder import every_component_ran
from dbal_tf.audit.lineage import lineage
from dbal_tf.audit.purchases import scores_are_in_range
from dbal_tf.audit.shared import labels_of_model
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components import features
from dbal_tf.components.example_gen import load
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.components.trainer import WEIGHT_DECAYS
from dbal_tf.config import TECHNIQUES, Config
from dbal_tf.core import InputError
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.labelling.progress import Progress
from dbal_tf.loop import Run, learner
from dbal_tf.reporting import tables
from dbal_tf.seeds import seed_for
from dbal_tf.store import csv_files, lock
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.rows import TEST
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters", "checked_here")


def _run(config, dataset=None):
    lines = []
    curve = loop.run(config, dataset or load(config), lines.append)
    return curve, lines


def _labels(config):
    with Store(pathlib.Path(config.run_dir)) as store:
        labels = store.reader.labels()
    return list(zip(labels.ids.tolist(), labels.classes.tolist(), strict=True))


def _table(config, columns, table):
    path = pathlib.Path(config.run_dir) / STORE_FILE
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()


def _exports(config):
    recorded = _table(config, "round, kind, uri", "artifacts")
    return [row for row in recorded if row[1] == "saved_model"]


def _measures(curve):
    """What of a curve does not depend on how long it took."""
    return [(p.round, p.labels, p.evaluation, p.weight_decay) for p in curve]


@dataclasses.dataclass(frozen=True)
class Finished:
    """A run of digits that has ended: four models, three queries of ten."""

    config: Config
    dataset: object
    curve: list
    lines: list

    @property
    def folder(self):
        return pathlib.Path(self.config.run_dir)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    config = Config(
        dataset="digits",
        rounds=3,
        epochs=3,
        num_samples=5,
        pool_subset=100,
        weight_decay="2.5",
        seed=4,
        keep_scores=True,
        export_every=2,
        run_dir=str(tmp_path_factory.mktemp("finished") / "run"),
    )
    dataset = load(config)
    return Finished(config, dataset, *_run(config, dataset))


@pytest.fixture
def small(tmp_path):
    return Config(
        dataset="digits",
        rounds=2,
        acquisition_size=4,
        epochs=2,
        num_samples=3,
        weight_decay="2.5",
        run_dir=str(tmp_path / "run"),
    )


def test_every_round_trains_on_ten_labels_more(finished):
    assert [(p.round, p.labels) for p in finished.curve] == [(0, 20), (1, 30), (2, 40), (3, 50)]
    assert all(0 <= p.evaluation.error <= 1 for p in finished.curve)
    assert {p.weight_decay for p in finished.curve} == {2.5}
    assert set(finished.curve[0].seconds) == {"train", "evaluate", "score", "label"}
    assert set(finished.curve[3].seconds) == {"train", "evaluate", "export"}


def test_ids_are_bought_once_from_the_pool_alone(finished):
    dataset, bought = finished.dataset, [item for item, _ in _labels(finished.config)]
    initial, pool = dataset.splits.initial_ids, dataset.splits.pool_ids
    assert len(bought) == len(set(bought)) == 50
    assert bought[:20] == initial.tolist()
    assert set(bought[20:]) <= set(pool)
    assert not set(bought) & set(dataset.test.ids)
    assert not set(bought) & set(dataset.splits.validation_ids)


def test_labelled_unlabelled_and_validation_are_all(finished):
    dataset, labels = finished.dataset, _labels(finished.config)
    bought = np.array([item for item, _ in labels])
    left = dataset.unlabelled(bought)
    parts = [bought, left, dataset.splits.validation_ids]
    assert sorted(np.concatenate(parts)) == sorted(dataset.train.ids)
    truth = dict(zip(dataset.hidden.ids, dataset.hidden.classes, strict=True))
    assert all(truth[item] == label for item, label in labels)


def test_the_curve_on_disk_is_that_of_the_store(finished):
    text = (finished.folder / "curve.csv").read_text()
    assert text == csv_files.curve_csv(finished.curve)
    read = csv_files.read_curve_csv(text)
    assert csv_files.curve_csv(read) == text
    assert [p.evaluation.error for p in read] == [p.evaluation.error for p in finished.curve]
    with Store(finished.folder) as store:
        assert store.reader.curve() == finished.curve


def test_every_query_is_on_disk_with_its_labels(finished):
    labels = _labels(finished.config)
    for index in range(3):
        with open(finished.folder / "rounds" / f"{index:04d}" / "query.csv") as file:
            rows = list(csv.DictReader(file))
        bought = [(row["id"], int(row["label"])) for row in rows]
        assert bought == labels[20 + 10 * index : 30 + 10 * index]
        assert [int(row["rank"]) for row in rows] == list(range(1, 11))
        scores = [float(row["score"]) for row in rows]
        assert scores == sorted(scores, reverse=True)
    assert not (finished.folder / "rounds" / "0003").exists()


def test_kept_scores_are_those_that_the_query_chose_from(finished):
    with open(finished.folder / "rounds" / "0001" / "query.csv") as file:
        query = {row["id"]: float(row["score"]) for row in csv.DictReader(file)}
    path = finished.folder / "rounds" / "0001" / "scores.npz"
    with np.load(path, allow_pickle=False) as arrays:
        scores = dict(zip(arrays["ids"].tolist(), arrays["values"].tolist(), strict=True))
    assert len(scores) == 100
    assert {item: scores[item] for item in query} == query
    assert sorted(scores.values())[-10:] == sorted(query.values())
    assert not set(scores) & {item for item, _ in _labels(finished.config)[:30]}


def test_models_are_exported_every_so_often_and_at_the_end(finished):
    folders = sorted(path.name for path in (finished.folder / "export").iterdir())
    assert folders == ["2", "3"]
    assert _exports(finished.config) == [
        (2, "saved_model", "export/2"),
        (3, "saved_model", "export/3"),
    ]


def test_the_folder_repeats_the_run_and_shows_it(finished):
    assert (finished.folder / "flags.cfg").read_text() == finished.config.to_flags()
    assert list((finished.folder / "tensorboard").glob("events.out.tfevents.*"))
    names = {path.name for path in finished.folder.iterdir()}
    assert names == {
        *("flags.cfg", "metadata.db", "curve.csv", "rounds", "tensorboard", "export")
    }


def test_every_execution_is_recorded_with_its_seeds(finished):
    rows = _table(finished.config, "id, round, component, seeds", "executions")
    trained, exported = ("Trainer", "Evaluator"), ("Pusher",)
    expected = [(index, x) for index in range(2) for x in (*trained, "PosteriorChooser")]
    expected += [(2, x) for x in (*trained, "PosteriorChooser", *exported)]
    expected += [(3, x) for x in (*trained, *exported)]
    assert [row[1:3] for row in rows] == expected
    seeds = [json.loads(row[3]) for row in rows]
    assert [set(one) for one in seeds[:3]] == [{"fit"}, {"test"}, {"masks", "ties"}]
    drawn = [seed for one in seeds for seed in one.values()]
    assert len(set(drawn)) == len(drawn)


def test_the_user_is_told_of_every_round(finished):
    assert finished.lines[0] == tables.progress_header()
    assert [line.split()[:2] for line in finished.lines[1:]] == [
        *(["0/3", "20"], ["1/3", "30"], ["2/3", "40"], ["3/3", "50"])
    ]


def test_a_finished_run_is_not_done_again(finished):
    before = {table: _table(finished.config, "*", table) for table in ("rounds", "answers")}
    curve, lines = _run(finished.config, finished.dataset)
    assert curve == finished.curve
    assert lines == []
    for table, rows in before.items():
        assert _table(finished.config, "*", table) == rows


def test_a_run_of_fewer_rounds_is_its_beginning(finished):
    curve, lines = _run(finished.config.replace(rounds=1), finished.dataset)
    assert (curve, lines) == (finished.curve[:2], [])
    assert (finished.folder / "flags.cfg").read_text() == finished.config.to_flags()


def test_a_run_that_grows_equals_one_of_that_length(finished, tmp_path, no_export):
    short = finished.config.replace(rounds=1, run_dir=str(tmp_path / "run"))
    assert _measures(_run(short, finished.dataset)[0]) == _measures(finished.curve[:2])
    grown, lines = _run(short.replace(rounds=3), finished.dataset)
    assert [line.split()[0] for line in lines[1:]] == ["1/3", "2/3", "3/3"]
    assert _measures(grown) == _measures(finished.curve)
    assert _labels(short) == _labels(finished.config)
    assert _table(short, "id, kind, text", "events") == [
        (1, "start", "round 0"),
        (2, "resume", "round 1"),
    ]


def test_another_seed_buys_others(finished, tmp_path, no_export):
    other = finished.config.replace(seed=5, rounds=1, run_dir=str(tmp_path / "run"))
    _run(other, finished.dataset)
    bought, others = _labels(finished.config)[:30], _labels(other)
    assert bought[:20] == others[:20], "the split is the data set's"
    assert set(bought[20:]) != set(others[20:])


def test_a_curve_file_that_a_kill_cut_short_is_completed(finished):
    path = finished.folder / "curve.csv"
    whole = path.read_text()
    path.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    _run(finished.config, finished.dataset)
    assert path.read_text() == whole


def test_other_data_change_nothing(finished):
    flags = (finished.folder / "flags.cfg").read_bytes()
    other = dataclasses.replace(finished.dataset, checksum="f" * 64)
    config = finished.config.replace(data_dir="elsewhere", rounds=5)
    with pytest.raises(InputError, match="checksum ffffffffffff"):
        _run(config, other)
    assert (finished.folder / "flags.cfg").read_bytes() == flags
    with Store(finished.folder) as store:
        assert store.reader.curve() == finished.curve


@pytest.fixture
def errors(monkeypatch):
    """Makes the models' test errors what a test wants, round by round."""
    wanted = {}
    measure = learner.Evaluator.run

    def run(self, model, dataset, seed):
        error = wanted[model.num_labels // 10]
        return dataclasses.replace(measure(self, model, dataset, seed), error=error)

    monkeypatch.setattr(learner.Evaluator, "run", run)
    return wanted


@pytest.fixture
def pushed(monkeypatch):
    """Notes the versions that are exported and whether they were blessed."""
    versions = []

    def push(self, model, dataset, evaluation, version, seed):
        versions.append((version, evaluation.blessed))
        (self.folder / str(version)).mkdir(parents=True)
        return self.folder / str(version)

    monkeypatch.setattr(learner.Pusher, "run", push)
    return versions


_GATED = {"rounds": 4, "acquisition_size": 10, "export_every": 1, "bless_max_error": 0.4}
_ERRORS = {0: 0.1, 1: 0.5, 2: 0.3, 3: 0.35, 4: 0.25}


def test_models_are_exported_if_they_are_blessed_and_the_last_one_is(
    small, toy, errors, pushed
):
    errors.update(_ERRORS | {4: 0.6})
    curve, lines = _run(small.replace(**_GATED), toy)
    assert pushed == [(2, True), (4, False)]
    assert [p.evaluation.blessed for p in curve] == [None, False, True, False, False]
    told = [
        "Round 1 is not exported: its test error of 50.00% is above --bless_max_error=0.4.",
        "Round 3 is not exported: its test error of 35.00% is not below the last one's 30.00%.",
        "Round 4 is exported as the last, but not blessed: its test error of 60.00% is above "
        "--bless_max_error=0.4.",
    ]
    assert [line for line in lines if line.startswith("Round ")] == told
    events = _table(small, "id, kind, text", "events")
    assert [text for _, kind, text in events if kind == "refusal"] == told
    assert _exports(small) == [(2, "saved_model", "export/2"), (4, "saved_model", "export/4")]


def test_what_was_exported_before_a_stop_still_counts(small, toy, errors, pushed):
    errors.update({name: error for name, error in _ERRORS.items() if name < 3})
    with pytest.raises(KeyError):  # There it stops.
        _run(small.replace(**_GATED), toy)
    errors.update(_ERRORS)
    _run(small.replace(**_GATED), toy)
    assert pushed == [(2, True), (4, True)]


def test_without_a_threshold_no_model_is_blessed(small, toy, errors, pushed):
    errors.update(_ERRORS)
    curve, lines = _run(small.replace(**_GATED | {"bless_max_error": 0.0}), toy)
    assert pushed == [(1, None), (2, None), (3, None), (4, None)]
    assert {p.evaluation.blessed for p in curve} == {None}
    assert not [line for line in lines if line.startswith("Round ")]


def test_the_last_export_of_a_run_goes_when_the_run_grows(small, toy, pushed):
    for rounds in (1, 2):
        _run(small.replace(rounds=rounds), toy)
    folder = pathlib.Path(small.run_dir, "export")
    assert [path.name for path in folder.iterdir()] == ["2"]
    assert _exports(small) == [(2, "saved_model", "export/2")]


@pytest.mark.parametrize("where", ["before the commit", "after the commit"])
def test_a_run_that_is_killed_as_it_grows_keeps_the_exports_of_its_rounds(
    small, toy, pushed, monkeypatch, where
):
    def kill(_: object, what: object, *others: object) -> None:
        if others or what == 1:
            raise KeyboardInterrupt

    _run(small.replace(rounds=1), toy)
    folder = pathlib.Path(small.run_dir, "export")
    is_before = where.startswith("before")
    with monkeypatch.context() as patch:
        patch.setattr(*((Store, "ask") if is_before else (learner.Pusher, "discard")), kill)
        with pytest.raises(KeyboardInterrupt):
            _run(small.replace(rounds=2), toy)
    assert [path.name for path in folder.iterdir()] == ["1"]
    assert bool(_exports(small)) == is_before, "the store still has the export"
    _run(small.replace(rounds=2), toy)
    assert [path.name for path in folder.iterdir()] == ["2"]


def test_what_an_export_left_that_was_cut_off_goes_at_the_next_start(small, toy, no_export):
    folder = pathlib.Path(small.run_dir, "export")
    for name in (".1.partial", ".1.old"):
        (folder / name / "variables").mkdir(parents=True)
    (folder.parent / "flags.cfg").write_text(small.to_flags())
    _run(small.replace(rounds=1), toy)
    assert [path.name for path in folder.iterdir()] == ["left_out"], "that of `no_export`"


def test_the_weight_decay_is_chosen_when_it_is_due(small, toy, no_export, monkeypatch):
    chosen = iter([5.0, 0.5])
    asked = []

    def choose(self, fitter, dataset, labels, validation, seed, before):
        asked.append((len(labels), validation.ids.tolist(), seed, before))
        return next(chosen)

    monkeypatch.setattr(learner.Trainer, "choose_weight_decay", choose)
    config = small.replace(weight_decay="auto", rounds=3, acquisition_size=10)
    curve, _ = _run(config, toy)
    assert [(p.labels, p.weight_decay) for p in curve] == [
        *((6, 5.0), (16, 5.0), (26, 5.0), (36, 0.5))
    ]
    validation = toy.splits.validation_ids.tolist()
    seeds = [seed_for(0, 0, index, "weight_decay") for index in (0, 3)]
    assert asked == [(6, validation, seeds[0], None), (36, validation, seeds[1], 5.0)]


def test_an_automatic_weight_decay_goes_on_as_it_was(small, toy, no_export):
    config = small.replace(weight_decay="auto", rounds=1)
    first, _ = _run(config, toy)
    grown, _ = _run(config.replace(rounds=2), toy)
    assert first[0].weight_decay in WEIGHT_DECAYS
    assert {p.weight_decay for p in grown} == {first[0].weight_decay}


@pytest.mark.parametrize("acquisition", sorted({*TECHNIQUES} - {"var_ratios"}))
def test_every_technique_runs_from_the_same_first_model(small, toy, no_export, acquisition):
    curve, _ = _run(small.replace(acquisition=(acquisition,), rounds=1), toy)
    other = small.replace(rounds=0, run_dir=f"{small.run_dir}-var_ratios")
    first = _run(other, toy)[0][0].evaluation
    assert first.measures().items() <= curve[0].evaluation.measures().items()
    assert [p.labels for p in curve] == [6, 10]


def test_a_run_on_a_graph_goes_on_as_it_was(small, toy, no_export):
    config = small.replace(acquisition=("mbr",), rounds=3, graph_neighbors=5)
    other = config.replace(run_dir=f"{config.run_dir}-stopped")
    whole, _ = _run(config, toy)
    _run(other.replace(rounds=1), toy)
    assert _measures(_run(other, toy)[0]) == _measures(whole)
    assert _labels(other) == _labels(config)
    assert all(p.evaluation.graph_error < 0.5 for p in whole[1:])
    facts = read_facts(pathlib.Path(config.run_dir))
    assert [*every_component_ran(facts), *scores_are_in_range(facts)] == []


def test_a_graph_that_cannot_be_made_is_refused_before_anything_is_written(small, toy):
    config = small.replace(acquisition=("mbr",), graph_neighbors=51)
    with pytest.raises(InputError, match=r"--graph_neighbors=51 .* at most 50"):
        _run(config, toy)
    assert not pathlib.Path(config.run_dir).exists()


def test_the_pool_can_be_bought_to_its_last_image(small, toy, no_export):
    config = small.replace(acquisition=("random",), rounds=3, acquisition_size=15)
    curve, _ = _run(config, toy)
    assert [p.labels for p in curve] == [6, 21, 36, 51]
    assert {item for item, _ in _labels(config)[6:]} == set(toy.splits.pool_ids)


def test_a_run_that_has_ended_passes_its_audit(finished, capsys):
    assert audit.audit(finished.folder), capsys.readouterr().out
    assert capsys.readouterr().out.count("not recorded") == 1  # BALD: it is not the technique.


def test_a_second_process_is_told_who_runs_here(small, toy):
    with lock.hold(pathlib.Path(small.run_dir).parent):
        pass
    pathlib.Path(small.run_dir).mkdir()
    with lock.hold(pathlib.Path(small.run_dir)), pytest.raises(InputError) as error:
        loop.run(small, toy, print)
    assert f"--run_dir={small.run_dir} is in use by process {os.getpid()} on" in str(
        error.value
    )
    assert not (pathlib.Path(small.run_dir) / STORE_FILE).exists()


@pytest.fixture
def asking(small, toy, no_export):
    """A run that asks for four labels a round, two rounds long, and its data's answers."""
    with Run.open(small, toy) as run:
        yield run, DatasetOracle(toy)


def _answers(query, oracle, **others):
    """The true classes of a query, but for others."""
    labels = oracle.run(query)
    true = dict(zip(labels.ids.tolist(), labels.classes.tolist(), strict=True))
    return Labels.from_answers(true | others)


def test_asking_and_telling_equals_the_run(asking, small, toy):
    run, oracle = asking
    while query := run.ask():
        run.tell(oracle.run(query))
    other = small.replace(run_dir=f"{small.run_dir}-by-the-loop")
    assert _measures(_run(other, toy)[0]) == _measures(run.curve())
    assert _labels(other) == _labels(small)


def test_as_long_as_it_waits_a_run_asks_the_same_and_trains_nothing(
    asking, small, toy, monkeypatch
):
    run, oracle = asking
    first = run.ask()
    run.tell(oracle.run(first.take(slice(1))))
    rest = run.ask()
    assert rest.ids.tolist() == first.ids[1:].tolist()
    run.close()

    def train(*arguments):
        raise AssertionError("it waits, and should not train")

    with monkeypatch.context() as patch:
        patch.setattr(learner.Trainer, "fitter", train)
        patch.setattr(learner.Trainer, "run", train)
        with Run.open(small, toy) as again:
            query = again.ask()
            assert query.ids.tolist() == rest.ids.tolist()
            assert query.scores.tolist() == rest.scores.tolist()
            again.tell(oracle.run(query))
            with pytest.raises(AssertionError, match="should not train"):
                again.ask()


def test_in_the_place_of_a_skipped_item_comes_the_next_best(asking):
    run, oracle = asking
    query = run.ask()
    skipped, unsure = query.ids[:2].tolist()
    run.tell(_answers(query, oracle, **{skipped: "skipped", unsure: "unsure"}))
    more = run.ask()
    assert len(more) == 2
    assert not set(more.ids) & set(query.ids)
    assert (more.scores <= query.scores[-1]).all()
    assert [p.labels for p in run.curve()] == [6], "the round is not over"
    run.tell(oracle.run(more))
    following = run.ask()
    assert [p.labels for p in run.curve()] == [6, 10]
    assert not {skipped, unsure} & set(following.ids), "what was skipped is not asked for again"


def test_a_correction_is_learnt_by_later_rounds_and_changes_no_earlier_one(asking, toy):
    run, oracle = asking
    first = run.ask()
    run.tell(oracle.run(first))
    second = run.ask()
    before = read_facts(pathlib.Path(run.config.run_dir)).rounds
    item = str(first.ids[0])
    wrong = (int(oracle.run(first).classes[0]) + 1) % 3
    run.tell(Labels.from_answers({item: wrong}), "second reader")
    run.tell(oracle.run(second))
    assert run.ask() is None
    facts = read_facts(pathlib.Path(run.config.run_dir))
    assert list(facts.rounds[:2]) == list(before)
    assert labels_of_model(facts, 1).select(first.ids[:1]).classes != wrong
    assert labels_of_model(facts, 2).select(first.ids[:1]).classes == wrong
    assert labels_of_model(facts, 2).ids.tolist()[6:10] == first.ids.tolist(), "in its place"
    # The export is left out here, and no correction is to blame for it.
    wrongs = [name for name in (c.__name__ for c in CHECKS if not check(c, facts)[0])]
    assert wrongs == ["exports_are_complete"]
    said = lineage(facts, "point/2")
    assert f"{item} is {toy.class_names[wrong]} (second reader, told in round 1)" in " ".join(
        said.split()
    )
    assert "corrected" not in lineage(facts, "point/1")


def test_a_pool_that_skipping_uses_up_ends_the_run(small, toy, no_export):
    config = small.replace(acquisition=("random",), acquisition_size=10, rounds=4)
    with Run.open(config, toy) as run:
        while query := run.ask():
            run.tell(Labels.from_answers(dict.fromkeys(query.ids.tolist(), "skipped")))
        # Of 45 items two queries with their reserves take 40, the third the last five.
        assert [p.labels for p in run.curve()] == [6, 6, 6, 6]
        assert run.ask() is None
    exports = [
        row
        for row in read_facts(pathlib.Path(config.run_dir)).artifacts
        if row.kind == "saved_model"
    ]
    assert [row.round for row in exports] == [3], "the last model, though there are five rounds"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"toy-99": 1}, "toy-99 was not asked for"),
        ({"first": 3}, "is class 3; expected 0 to 2"),
        ({"first": -1}, "is class -1; expected 0 to 2"),
    ],
)
def test_answers_that_cannot_be_taken_change_nothing(asking, answers, says):
    run, _ = asking
    query = run.ask()
    given = {query.ids[0] if item == "first" else item: x for item, x in answers.items()}
    with pytest.raises(InputError, match=says):
        run.tell(Labels.from_answers(given))
    assert run.ask().ids.tolist() == query.ids.tolist()


def test_nothing_can_be_told_before_it_is_asked(asking):
    with pytest.raises(InputError, match=r"call ask\(\) before tell\(\)"):
        asking[0].tell(Labels.from_answers({"toy-01": 1}))


def test_test_items_that_have_a_label_are_not_asked_for(small, toy, no_export):
    classes = np.where(np.arange(31) < 9, toy.test_labels.classes, -1)
    dataset = dataclasses.replace(toy, test_labels=Labels(toy.test.ids, classes))
    config = small.replace(oracle="web", acquisition=("bald",), rounds=1)
    with Run.open(config, dataset) as run, Store(pathlib.Path(config.run_dir)) as page:
        ledger = Ledger(page.reader)
        assert ledger.unanswered(TEST) == toy.test.ids[9:].tolist()
        budget = Progress(ledger).summary()["budget"]
        assert (budget["test"], budget["of_test"]) == (9, 31)
        start = run.ask().ids.tolist()
        assert not set(start) & set(toy.test.ids[:9])
        run.tell(Labels.from_answers({toy.test.ids[0]: 1} | dict.fromkeys(start, 0)), "ann")
        run.ask()
        (point,) = run.curve()
        assert sum(count for count, *_ in point.evaluation.reliability) == 9 + 20
    assert audit.main([config.run_dir]) == 0


def test_a_network_of_ones_own_is_trained_and_named(small, toy, no_export):
    def tiny_network(image_shape, num_classes, seed):
        return bayesian_cnn(image_shape, num_classes, seed, kernel_size=2)

    oracle = DatasetOracle(toy)
    with Run.open(small.replace(rounds=1), toy, model=tiny_network) as run:
        while query := run.ask():
            run.tell(oracle.run(query))
        own = run.curve()
    name = f"{__name__}:test_a_network_of_ones_own_is_trained_and_named.<locals>.tiny_network"
    made_by = read_facts(pathlib.Path(small.run_dir)).rounds[0].versions
    assert made_by["model"].startswith(f"{name} ")
    assert len(made_by["model"].split()[-1]) == 64
    other = small.replace(rounds=1, kernel_size=2, run_dir=f"{small.run_dir}-by-flags")
    assert _measures(_run(other, toy)[0]) == _measures(own)


def test_a_network_whose_file_has_changed_is_said(small, toy, no_export, monkeypatch):
    def tiny_network(image_shape, num_classes, seed):
        return bayesian_cnn(image_shape, num_classes, seed, kernel_size=2)

    lines = []
    with Run.open(small.replace(rounds=0), toy, model=tiny_network, say=lines.append):
        assert not lines
    monkeypatch.setattr(features, "source_digest", lambda factory: "f" * 64)
    with Run.open(small.replace(rounds=0), toy, model=tiny_network, say=lines.append):
        assert len(lines) == 1
        assert "The file that defines the model, or its weights, changed" in lines[0]


def test_a_run_opens_with_the_data_that_its_settings_name(tiny, no_export):
    config = tiny.replace(rounds=0)
    with Run.open(config) as run:
        assert run.dataset.name == "digits"
        assert run.ask() is None
        assert [p.labels for p in run.curve()] == [20]
