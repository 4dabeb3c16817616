"""A run whose labels a person fills into a CSV file."""

import csv
import dataclasses
import pathlib

import numpy as np
import pytest
from PIL import Image

from dbal_tf import loop
from dbal_tf.artifacts import Labels, Query, Splits
from dbal_tf.audit.command import main as audit
from dbal_tf.components.csv_oracle import CsvOracle
from dbal_tf.config import Config
from dbal_tf.core import AnswersAwaited, InputError
from dbal_tf.loop import learner
from dbal_tf.store.rows import TEST
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters")


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
def config(tmp_path):
    return Config(
        dataset="digits",
        oracle="csv",
        acquisition=("bald",),
        rounds=2,
        acquisition_size=3,
        initial_per_class=1,
        validation_size=9,
        kernel_size=2,
        epochs=1,
        num_samples=3,
        run_dir=str(tmp_path / "run"),
    )


def _file(config):
    return pathlib.Path(config.run_dir, "to_label.csv")


def _waiting(config):
    return [row["id"] for row in csv.DictReader(_file(config).open(encoding="utf-8-sig"))]


def _fill(config, toy, count=None, **others):
    """Writes the true class of the first items, as a program that uses semicolons."""
    lines = ["label;id"]
    for item in _waiting(config)[:count]:
        name = toy.class_names[int(item[-2:]) % 3]
        lines.append(f"{others.get(item.replace('-', '_'), name)};{item}")
    _file(config).write_text("\r\n".join(lines))


def _run(config, dataset, say=lambda line: None):
    with pytest.raises(AnswersAwaited) as waits:
        loop.run(config, dataset, say)
    return str(waits.value)


def _store(config):
    return Store(pathlib.Path(config.run_dir))


def test_a_run_without_any_label(config, toy, unlabelled):
    lines = []
    assert _run(config, unlabelled, lines.append) == (
        f"34 images wait in {_file(config)}; label them and give the same command."
    )
    (line,) = lines
    assert line.startswith(
        "The run begins with 34 images: 3 to train on, and 31 to measure errors on, for which"
    )
    first = _waiting(config)
    assert sum(item in set(toy.test.ids.tolist()) for item in first) == 31
    with Image.open(_file(config).parent / "to_label" / "0001.png") as picture:
        np.testing.assert_array_equal(
            np.asarray(picture), toy.train.select(np.array(first[:1])).images[0, ..., 0]
        )
    _fill(config, toy)
    assert _run(config, unlabelled).startswith("3 images wait in")
    with _store(config) as store:
        assert len(store.reader.labels()) == 3
        assert len(store.reader.labels(use=TEST)) == 31
        assert {a.annotator for a in store.reader.answers()} == {"person"}
    _fill(config, toy)
    assert _run(config, unlabelled).startswith("3 images wait in")
    _file(config).unlink()
    _run(config, unlabelled, lines.append)
    assert "The run begins" not in "".join(lines[1:]), "said at the first start only"
    kept = sorted((_file(config).parent / "answered").iterdir())
    assert [path.name for path in kept] == ["0001.csv", "0002.csv"]
    with _store(config) as store:
        labels = store.reader.labels()
        curve = store.reader.curve()
        assert [point.labels for point in curve] == [3, 6]
        assert "label" not in curve[0].seconds, "reading the file is not labelling"
        assert {answer.seconds for answer in store.reader.answers_after(0)} == {None}
    assert labels.classes.tolist() == [int(item[-2:]) % 3 for item in labels.ids]
    assert audit([config.run_dir]) == 0


def test_what_was_not_answered_waits_and_nothing_is_trained(
    config, toy, unlabelled, monkeypatch
):
    _run(config, unlabelled)
    _fill(config, toy)
    _run(config, unlabelled)
    monkeypatch.setattr(learner.Learner, "run", lambda *_: pytest.fail("trained again"))
    before, first = _file(config).stat().st_mtime_ns, _waiting(config)
    assert _run(config, unlabelled).startswith("3 images wait in")
    assert (_file(config).stat().st_mtime_ns, _waiting(config)) == (before, first)
    skipped = first[0].replace("-", "_")
    _fill(config, toy, 2, **{skipped: "skipped"})
    assert _run(config, unlabelled).startswith("2 images wait in")
    assert _waiting(config)[0] == first[2], "the next best stands in for the skipped one"
    # Saved once more by a program that still had the file open: nothing is new.
    filled = (_file(config).parent / "answered" / "0002.csv").read_text()
    _file(config).write_text(filled)
    assert _run(config, unlabelled).startswith("2 images wait in")
    with _store(config) as store:
        assert len(store.reader.answers()) == 5


@pytest.mark.parametrize(
    ("use", "decay", "says"),
    [
        ("train", 0.1, "All 3 images to train on are skipped or unsure; expected a class"),
        ("validation", "auto", "All 9 images to choose the weight decay by are skipped"),
    ],
)
def test_a_start_without_any_class_is_not_read(config, toy, unlabelled, use, decay, says):
    config = config.replace(weight_decay=decay)
    _run(config, unlabelled)
    with _store(config) as store:
        items = [item for item in _waiting(config) if store.reader.use(item) == use]
    skipped = {item.replace("-", "_"): "skipped" for item in items}
    _fill(config, toy, **skipped)
    text = _file(config).read_text()
    with pytest.raises(InputError, match=says):
        loop.run(config, unlabelled, lambda line: None)
    assert _file(config).read_text() == text
    with _store(config) as store:
        assert store.reader.answers_after(0) == []
    _file(config).write_text(text.replace("skipped", toy.class_names[1], 1))
    assert _run(config, unlabelled).startswith("3 images wait in")


def test_killed_after_the_answers_were_committed(config, toy, unlabelled, monkeypatch):
    _run(config, unlabelled)
    _fill(config, toy)
    filled = _file(config).read_text()

    def killed(oracle):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CsvOracle, "told", killed)
        with pytest.raises(KeyboardInterrupt):
            loop.run(config, unlabelled, lambda line: None)
    assert _file(config).read_text() == filled
    assert _run(config, unlabelled).startswith("3 images wait in")
    with _store(config) as store:
        assert len(store.reader.answers()) == 3
        assert len(store.reader.answers(TEST)) == 31
    assert (_file(config).parent / "answered" / "0001.csv").read_text() == filled


def test_a_file_that_was_read_does_not_undo_a_correction(config, toy, unlabelled, monkeypatch):
    _run(config, unlabelled)
    item, run = _waiting(config)[0], learner.Learner.run
    _fill(config, toy)

    def corrected_meanwhile(self, index):
        with _store(config) as page:
            page.tell(Labels(np.array([item]), np.array([2])), "page")
        run(self, index)

    monkeypatch.setattr(learner.Learner, "run", corrected_meanwhile)
    _run(config, unlabelled)
    with _store(config) as store:
        given = [row.label for row in store.reader.answers_after(0) if row.item == item]
    assert given[-1] == 2
    assert len(given) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "{first};dog",
            "line 2: .* is labelled dog, which is not a class; expected low, middle",
        ),
        ("nobody;low", "line 2: nobody was not asked for"),
        ("{first};low\n{first};low", "line 3: .* is there a second time"),
        (";low", "line 2: low has no id"),
    ],
)
def test_a_wrong_file_commits_nothing_and_stays(config, unlabelled, line, says):
    _run(config, unlabelled)
    first, second = _waiting(config)[:2]
    text = f"id;label\n{line.format(first=first)}\n{second};low\n"
    _file(config).write_text(text)
    for _ in range(2):
        with pytest.raises(InputError, match=says):
            loop.run(config, unlabelled, lambda line: None)
        assert _file(config).read_text() == text
    with _store(config) as store:
        assert not len(store.reader.answered_ids())


def test_the_picture_of_an_image_in_a_folder_is_its_file(finished_run, toy, tmp_path):
    folder = dataclasses.replace(toy, name="image_folder")
    oracle = CsvOracle(str(finished_run), str(tmp_path / "my images"), folder)
    oracle.check()
    with pytest.raises(AnswersAwaited, match="1 image waits in"), oracle.attend(print):
        oracle.run(Query(np.array(["cats, dogs/\u00e9.png"]), np.zeros(1)))
    (row,) = csv.DictReader((finished_run / "to_label.csv").open(encoding="utf-8-sig"))
    assert row["id"] == "cats, dogs/\u00e9.png"
    assert row["image"] == str(tmp_path / "my images" / "cats, dogs" / "\u00e9.png")


def test_a_class_named_skipped_is_refused_before_anything_is_trained(toy):
    with pytest.raises(InputError, match="A class has the name skipped"):
        CsvOracle("", "", dataclasses.replace(toy, class_names=("skipped", "b"))).check()
