"""A run's labelling page in a browser without a window: what is answered is in the store.

Needs Chromium, its driver and selenium (`tools/browser.sh`).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.config import Config
from dbal_tf.datasets import digits
from dbal_tf.store.layout import STATE_FILE, predictions_file
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_KEYS = "1234567890"
_ASKED, _RESERVE = 110, 30


class LabelledRun:
    """A run on digits that asks for 110 images, and the process that serves its page."""

    def __init__(self, folder, first=""):
        source, self.folder, self._process = digits.load(""), folder, None
        train, self.test = source.train.ids.tolist(), source.test.ids.tolist()
        self.truth = dict(zip(train, source.train_classes.tolist(), strict=True))
        initial, pool = train[:20], train[20:]
        if first:
            self.truth[first], pool[0] = 0, first
        folder.mkdir()
        config = Config(
            dataset="digits",
            rounds=1,
            acquisition_size=_ASKED,
            initial_per_class=2,
            run_dir=str(folder),
        )
        (folder / "flags.cfg").write_text(config.to_flags())
        splits = {"initial": initial, "pool": pool, "test": self.test, "train": train}
        self.query = pool[: _ASKED + _RESERVE]
        point = CurvePoint(0, 20, Evaluation(0.3, 1.0, 0.5, 0.1, 0.4, 1.0), 2.5, {"train": 1.0})
        with Store(folder) as store:
            run = RunRecord(config.to_flags(), "c" * 64, {}, _NAMES)
            known = Labels.from_answers({item: self.truth[item] for item in initial})
            store.start(run, known, "dataset", splits)
            store.ask(point, Query(np.array(self.query), np.linspace(1, 0, 140)), [], {})
        (folder / STATE_FILE).write_text(
            json.dumps({"state": "asking", "round": 0, "time": ""})
        )
        probs = np.full((len(pool), 10), 0.01, np.float32)
        probs[np.arange(len(pool)), [self.truth[item] for item in pool]] = 0.91
        path = folder / predictions_file(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, ids=np.array(pool), probs=probs)

    def serve(self, *flags):
        """Starts the page's process; returns the address that it prints."""
        command = [sys.executable, "-m", "dbal_tf.label", str(self.folder), *flags]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        address = self._process.stdout.readline().removeprefix("Label at ").strip()
        assert address.startswith("http://127.0.0.1:"), address
        return address

    def end(self, number=signal.SIGTERM):
        if self._process:
            os.kill(self._process.pid, number)
            self._process.communicate(timeout=20)
            self._process = None

    def rows(self):
        """Item, answer and annotator of all rows of persons, in order."""
        with Store(self.folder) as store:
            answers = store.reader.answers_after(0)
        return [
            (row.item, row.label if row.state == "labelled" else row.state, row.annotator)
            for row in answers
            if row.annotator != "dataset"
        ]

    def key(self, item):
        return _KEYS[self.truth[item]]

    def true_rows(self, items, annotator="Ann"):
        return [(item, self.truth[item], annotator) for item in items]


@pytest.fixture
def run(tmp_path):
    run = LabelledRun(tmp_path / "run")
    yield run
    with contextlib.suppress(ProcessLookupError):
        run.end(signal.SIGKILL)


def test_an_image_that_is_gone_can_be_skipped(person, tmp_path):
    run = LabelledRun(tmp_path / "run", first="gone.png")
    try:
        person.open(run.serve(), name="")
        person.wait("document.querySelector('#ask-name[open]')")
        person.press(*"Ann", "\ue007")
        person.wait(
            "document.querySelector('#stage').dataset.note?.startsWith('gone.png is no')"
        )
        person.press("1", "s")
        assert person.wait_for_image() == run.query[1]
        person.wait_until_saved()
        assert run.rows() == [("gone.png", "skipped", "Ann")]
    finally:
        run.end(signal.SIGKILL)


def test_an_image_that_is_gone_cannot_be_answered_after_undo(person, tmp_path):
    run = LabelledRun(tmp_path / "run", first="gone.png")
    try:
        person.open(run.serve(), name="")
        person.wait("document.querySelector('#ask-name[open]')")
        person.press(*"Ann", "\ue007")
        person.wait(
            "document.querySelector('#stage').dataset.note?.startsWith('gone.png is no')"
        )
        time.sleep(1)  # until the page waits for two seconds between two attempts
        person.press("s", "u")
        person.wait_for_text("#item", "gone.png")
        for _ in range(25):
            assert person.script(_IS_WAITING), "an image that is not there can be answered"
            person.press("1")
            time.sleep(0.1)
        person.wait_until_saved()
        assert {answer for _, answer, _ in run.rows()} <= {"skipped", "withdrawn"}
    finally:
        run.end(signal.SIGKILL)


def test_hundred_answers_by_keyboard(person, run):
    person.open(run.serve())
    items = [person.label(run.key) for _ in range(100)]
    person.wait_until_saved()
    assert items == run.query[:100], "best first"
    assert run.rows() == run.true_rows(items)


def test_undo_skip_unsure_correction_and_reload(person, run):
    person.open(run.serve())
    first, second, third = (person.label(run.key) for _ in range(3))
    assert person.label(lambda _: "s") == run.query[3]
    assert person.label(lambda _: " ") == run.query[4]
    person.press("u", "u")
    assert person.wait_for_image() == run.query[3]
    assert "Answer so far: skipped" in person.text("#use")
    fourth, fifth = person.label(lambda _: " "), person.label(lambda _: "s")
    person.driver.refresh()
    wrong = person.label(lambda item: _KEYS[(run.truth[item] + 1) % 10])
    person.wait_until_saved()
    person.press("l")
    person.click("[data-which=disagreements]")
    person.click("#lists-tiles .tile")
    assert person.label(run.key) == wrong, "what the model finds least likely is first"
    person.press(_ESCAPE, "l")
    person.click("[data-which=unsure]")
    person.wait_for_text("#lists-hint", "1 image.")
    person.click("#lists-start")
    assert person.label(run.key) == fourth
    person.wait_until_saved()
    last = {item: answer for item, answer, _ in run.rows()}
    right = (first, second, third, fourth, wrong)
    assert last == {item: run.truth[item] for item in right} | {fifth: "skipped"}


def test_two_annotators_at_once(person, second_person, run):
    address = run.serve()
    people = [person.open(address, "Ann"), second_person.open(address, "Ben")]
    given = {"Ann": [], "Ben": []}
    for _ in range(25):
        for each, items in zip(people, given.values(), strict=True):
            items.append(each.label(run.key))
    for each in people:
        each.wait_until_saved()
    expected = [row for name, items in given.items() for row in run.true_rows(items, name)]
    assert Counter(run.rows()) == Counter(expected)
    assert len({item for item, *_ in expected}) == 50, "no image went to both"


def test_nothing_is_lost_when_the_program_is_killed(person, run):
    person.open(run.serve())
    items = [person.label(run.key) for _ in range(5)]
    for _ in range(3):
        person.wait_until_saved()
        time.sleep(1)  # until the next images are there
        run.end(signal.SIGKILL)
        # The images that were prefetched can be answered meanwhile.
        items += [person.label(run.key) for _ in range(3)]
        person.wait_for_text("#saving", "not saved yet")
        run.serve()
        person.wait_until_saved()
        items += [person.label(run.key) for _ in range(4)]
    person.wait_until_saved()
    assert len(set(items)) == len(items) == 26
    assert run.rows() == run.true_rows(items)


def test_a_grid_is_one_answer(person, run):
    person.open(run.serve())
    current = person.wait_for_image()
    person.press("g")
    person.wait("document.querySelectorAll('#grid-tiles img').length > 1")
    shown = person.script(
        "return [...document.querySelectorAll('#grid-tiles img')].map((image) => image.alt)"
    )
    person.press(run.key(current))
    person.wait_until_saved()
    assert shown[0] == current
    assert Counter(run.rows()) == Counter((item, run.truth[current], "Ann") for item in shown)
    person.press("u")
    person.wait_until_saved()
    assert person.wait_for_image() == current
    standing = {item: answer for item, answer, _ in run.rows()}
    assert set(standing.values()) == {"withdrawn"}


_ESCAPE = "\ue00c"
_IS_WAITING = "return document.querySelector('#answers').classList.contains('waiting')"
