"""A run that waits, was corrected or was killed audits as one that has ended."""

import pathlib

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Labels, Query
from dbal_tf.audit import command as audit
from dbal_tf.seeds import seed_for
from dbal_tf.store import csv_files
from dbal_tf.store.reader import RunReader
from dbal_tf.store.writer import Execution, Store


class Waiting:
    """A run that has ended and then was given more rounds: its round 2 asks."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def ask(self, *items: str, index: int = 2) -> None:
        """Commits round 2 again, or a round after it, which may only measure."""
        with Store(self.folder) as store:
            store.start(store.reader.run(), Labels.from_answers({}), "dataset", {})
            calls = {"Trainer": "fit", "Evaluator": "test", "PosteriorChooser": "masks"}
            executions = [
                Execution(name, {what: seed_for(7, 0, index, what)}, 1.0)
                for name, what in calls.items()
            ]
            before = store.reader.curve()[-1]
            labels = len(store.reader.labels(before=index))
            seconds = {"train": 4.0, "score": 2.0}
            point = CurvePoint(index, labels, before.evaluation, 2.5, seconds)
            query = Query(np.array(items), np.linspace(0.5, 0.25, len(items)))
            exported = {} if items else {"saved_model": "export/2"}
            store.ask(point, query if items else None, executions, exported)

    def tell(self, seconds: float | None = 0.5, index: int = 2, **answers: int | str) -> None:
        """Commits answers to `train_10` and so on; writes no file."""
        given = {name.replace("_", "-"): answer for name, answer in answers.items()}
        with Store(self.folder) as store:
            store.tell(Labels.from_answers(given), "person", seconds)

    def write_curve(self) -> None:
        """Writes `curve.csv`, as a run does after each commit."""
        curve = RunReader.open(self.folder).curve()
        (self.folder / "curve.csv").write_text(csv_files.curve_csv(curve))

    def write_query(self, index: int = 2) -> None:
        """Writes a round's `query.csv`, as a run does when it waits for nothing more."""
        uri = f"rounds/{index:04d}/query.csv"
        with Store(self.folder) as store:
            rows = [row for row in store.reader.label_rows() if row.round == index]
            (self.folder / uri).parent.mkdir(parents=True)
            names = store.reader.run().class_names
            (self.folder / uri).write_text(csv_files.query_csv(rows, names))
            store.add_artifact(index, "query", uri)


@pytest.fixture
def waiting(finished_run):
    """A run whose round 2 was done again and asks for two items, two behind them."""
    run = Waiting(finished_run)
    run.ask("train-9", "train-10", "train-11")
    return run


@pytest.fixture
def wrong(capsys):
    """Audits a run; returns what is wrong with it."""

    def run(waiting):
        status = audit.main([str(waiting.folder)])
        lines = [line for line in capsys.readouterr().out.splitlines() if "WRONG" in line]
        assert status == bool(lines)
        return lines

    return run


def test_a_run_killed_between_ask_and_its_files_passes(waiting, wrong):
    assert wrong(waiting) == []
    waiting.write_curve()
    assert wrong(waiting) == []


def test_a_round_may_wait_at_every_answer(waiting, wrong):
    for answers in ({"train_10": 1}, {"train_9": "skipped"}, {"train_11": 2}):
        waiting.tell(**answers)
        assert wrong(waiting) == [], "killed before the curve was written"
        waiting.write_curve()
        assert wrong(waiting) == []
    waiting.write_query()
    assert wrong(waiting) == []


def test_a_round_whose_reserve_is_used_up_has_fewer_labels(waiting, wrong):
    waiting.tell(train_9="skipped", train_10="unsure", train_11=1)
    waiting.write_query()
    waiting.write_curve()
    waiting.ask(index=3)
    assert wrong(waiting) == []


def test_a_round_that_went_on_without_its_answers_is_wrong(waiting, wrong):
    waiting.tell(train_9=1)
    waiting.write_query()
    waiting.ask(index=3)
    waiting.write_curve()
    [line] = wrong(waiting)
    assert line.startswith("  every round has its labels ")
    assert line.endswith("WRONG: round 2 has 1 labels, expected 2 ranked from 1")


def test_answers_of_the_page_and_a_kill_after_the_next_round_pass(waiting, wrong):
    waiting.write_curve()
    waiting.tell(train_9=1, train_10=0)
    waiting.write_query()
    waiting.ask(index=3)
    assert wrong(waiting) == [], "the curve shows round 2 without the time of its answers"
    curve = waiting.folder / "curve.csv"
    curve.write_text(curve.read_text().replace("\n2,7,0.3,", "\n2,7,0.03,"))
    assert len(wrong(waiting)) == 1


def test_a_curve_that_waits_still_shows_what_was_measured(waiting, wrong):
    curve = waiting.folder / "curve.csv"
    curve.write_text(curve.read_text().replace("\n2,7,0.3,", "\n2,7,0.03,"))
    [line] = wrong(waiting)
    assert line.endswith("WRONG: line 4 of curve.csv is not what the store says")
    waiting.write_curve()
    curve.write_text(curve.read_text().replace("\n1,5,0.4,", "\n1,5,0.04,"))
    [line] = wrong(waiting)
    assert line.endswith("WRONG: line 3 of curve.csv is not what the store says")


@pytest.mark.parametrize("answer", [2, "skipped", "unsure"])
def test_a_correction_in_a_later_round_leaves_the_earlier_ones(waiting, wrong, answer):
    shown = {path: path.read_bytes() for path in waiting.folder.glob("rounds/*/query.csv")}
    waiting.tell(train_5=answer, train_0=answer, train_9=0, train_10=0)
    waiting.write_query()
    waiting.write_curve()
    assert wrong(waiting) == []
    waiting.ask(index=3)
    waiting.write_curve()
    assert wrong(waiting) == []
    assert {path: path.read_bytes() for path in shown} == shown


def test_a_correction_after_a_round_ended_and_before_the_next_passes(waiting, wrong):
    waiting.tell(train_9=1, train_10="skipped")
    waiting.tell(train_11=0)
    waiting.write_query()
    waiting.tell(train_9=2, train_10=2)
    waiting.write_curve()
    assert wrong(waiting) == [], "its query.csv shows the answers that ended it"
    waiting.ask(index=3)
    waiting.write_curve()
    assert wrong(waiting) == []
    query = waiting.folder / "rounds/0002/query.csv"
    query.write_text(query.read_text().replace("middle", "low"))
    assert any("rounds/0002/query.csv is not what the store" in line for line in wrong(waiting))


def test_a_correction_after_the_end_whose_time_is_not_in_the_curve_yet_passes(
    finished_run, wrong
):
    run = Waiting(finished_run)
    run.tell(1.5, train_5=0)
    assert wrong(run) == []
    run.write_curve()
    run.tell(2.5, train_5=2, train_0=1)
    assert wrong(run) == []
    curve = finished_run / "curve.csv"
    curve.write_text(curve.read_text().replace(",1.500,", ",1.250,"))
    [line] = wrong(run)
    assert line.endswith("WRONG: line 4 of curve.csv is not what the store says")


def test_a_query_shown_before_its_round_ended_is_wrong(waiting, wrong):
    waiting.tell(train_9="skipped", train_10=1)
    waiting.write_query()
    waiting.write_curve()
    waiting.tell(train_11=0)
    waiting.write_curve()
    [line] = wrong(waiting)
    assert line.endswith("WRONG: rounds/0002/query.csv is not what the store says")
