import dataclasses
import pathlib

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query, Scores
from dbal_tf.components.reporter import Reporter
from dbal_tf.config import Config
from dbal_tf.core import Findings
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.files import digest
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

_EVALUATION = Evaluation(0.25, 1.0, 0.5, 0.1, 0.3, 1.1)
_SECONDS = {"train": 6.0, "score": 2.0}
_QUERY_HEADER = "id,score,standard_error,rank,label\n"


def _point(index, labels):
    return CurvePoint(index, labels, _EVALUATION, 2.5, _SECONDS)


@pytest.fixture
def config(tmp_path):
    return Config(
        dataset="digits",
        acquisition=("bald",),
        rounds=2,
        acquisition_size=2,
        run_dir=str(tmp_path),
    )


@pytest.fixture
def store(config, toy):
    """A run of the toy data set that has its initial labels."""
    with Store(pathlib.Path(config.run_dir)) as store:
        record = RunRecord(config.to_flags(), toy.checksum, {}, toy.class_names)
        initial = toy.hidden.select(toy.splits.initial_ids)
        store.start(record, initial, "dataset", toy.ids_by_use())
        yield store


@pytest.fixture
def lines():
    return []


@pytest.fixture
def reporter(config, toy, store, lines):
    with Reporter(config, toy, store, lines.append) as reporter:
        yield reporter


def _tensors(config):
    events = EventAccumulator(f"{config.run_dir}/tensorboard", size_guidance={"tensors": 0})
    events.Reload()
    return {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}


def _ask(store, toy, index, labels=6):
    """Commits a round that asks for two items, with a reserve of one."""
    ids = toy.splits.pool_ids[3 * index : 3 * index + 3]
    query = Query(ids, np.array([0.5, 0.25, 0.125]), np.array([0.1, 0.01, 0.001]))
    store.ask(_point(index, labels), query, [], {})
    return ids


def _file(config, uri):
    return pathlib.Path(config.run_dir, uri)


def test_a_run_is_shown_with_its_origin_and_its_curve_so_far(reporter, config, store, toy):
    _ask(store, toy, 0)
    reporter.show_run({"commit": "abc", "replicas": "1"})
    assert _file(config, "curve.csv").read_text() == curve_csv([_point(0, 6)])
    tensors = _tensors(config)
    assert {"flags", "lineage"} <= set(tensors)
    text = tensors["lineage"][0].tensor_proto.string_val[0].decode()
    rows = ["| data | toy |", "| labels | 6 |", "| commit | abc |", "| replicas | 1 |"]
    assert text.splitlines()[2:] == rows


def test_the_curve_follows_the_store(reporter, config, store, toy):
    for count in range(3):
        reporter.write_curve()
        expected = curve_csv([_point(index, 6) for index in range(count)])
        assert _file(config, "curve.csv").read_text() == expected
        _ask(store, toy, count)


def test_a_point_can_be_seen_before_its_round_is_committed(reporter, config, store, lines):
    scores = Scores(np.array(["a", "b"]), np.array([0.5, 0.25]))
    reporter.show_point(_point(0, 6), scores)
    tensors = _tensors(config)
    assert [event.step for event in tensors["error"]] == [6]
    assert "scores" in tensors
    assert (store.reader.curve(), lines) == ([], [])


def test_scores_are_kept_if_they_shall_be(reporter, config, store, toy):
    scores = Scores(np.array(["a", "b"]), np.array([0.5, 0.25]), np.array([1.0, 1.0]))
    assert reporter.keep_scores(scores, 7) == {}
    assert not _file(config, "rounds").exists()
    with Reporter(config.replace(keep_scores=True), toy, store, print) as keeping:
        assert keeping.keep_scores(scores, 7) == {"scores": "rounds/0007/scores.npz"}
    with np.load(_file(config, "rounds/0007/scores.npz"), allow_pickle=False) as kept:
        assert set(kept) == {"ids", "values"}
        assert kept["ids"].tolist() == ["a", "b"]
        assert kept["values"].tolist() == [0.5, 0.25]


def test_a_round_that_ends_is_shown_once(reporter, config, store, toy, lines):
    first, second, _ = _ask(store, toy, 0)
    store.tell(Labels.from_answers({first: 2, second: 0}), "person", 1.5)
    reporter.show_end(0)
    path = _file(config, "rounds/0000/query.csv")
    assert path.read_text() == (
        f"{_QUERY_HEADER}{first},0.5,0.1,1,high\n{second},0.25,0.01,2,low\n"
    )
    [artifact] = store.reader.artifacts()
    assert (artifact.round, artifact.kind) == (0, "query")
    assert (artifact.uri, artifact.sha256) == ("rounds/0000/query.csv", digest(path))
    tensors = _tensors(config)
    for tag in ("bought", "bought_classes", "bought_per_class", "bought_scores"):
        assert [event.step for event in tensors[tag]] == [6], tag
    header, line = lines
    assert header.split()[:2] == ["round", "labels"], "also of a start that trains nothing"
    assert line.split()[:4] == ["0/2", "6", "25.00", "%"]

    path.unlink()
    reporter.show_end(0)
    with Reporter(config, toy, store, lines.append) as after_a_restart:
        after_a_restart.show_end(0)
    assert (len(lines), path.exists(), len(store.reader.artifacts())) == (2, False, 1)
    assert len(_tensors(config)["bought"]) == 1


def test_what_was_skipped_has_no_class_and_is_not_drawn(
    reporter, config, store, toy, monkeypatch
):
    drawn = []
    monkeypatch.setattr(reporter._log, "write_query", lambda *given: drawn.append(given))
    first, second, third = _ask(store, toy, 0)
    store.tell(Labels.from_answers({second: "skipped", third: 1}), "person")
    store.tell(Labels.from_answers({first: 2}), "person")
    reporter.show_end(0)
    assert _file(config, "rounds/0000/query.csv").read_text() == (
        f"{_QUERY_HEADER}{first},0.5,0.1,1,high\n{second},0.25,0.01,2,\n"
        f"{third},0.125,0.001,3,middle\n"
    )
    [(point, query, labels, images, names)] = drawn
    assert (point.labels, names) == (6, toy.class_names)
    assert query.ids.tolist() == labels.ids.tolist() == images.ids.tolist() == [first, third]
    assert (query.scores.tolist(), labels.classes.tolist()) == ([0.5, 0.125], [2, 1])


def test_a_round_of_skipped_items_alone_has_nothing_to_draw(reporter, config, store, toy):
    answers = dict.fromkeys(_ask(store, toy, 0), "unsure")
    store.tell(Labels.from_answers(answers), "person")
    reporter.show_end(0)
    text = _file(config, "rounds/0000/query.csv").read_text()
    assert [line.rpartition(",")[2] for line in text.splitlines()] == ["label", "", "", ""]
    assert not [tag for tag in _tensors(config) if tag.startswith("bought")]


def test_a_round_shows_its_own_answers_as_they_were_when_it_ended(reporter, config, store, toy):
    first, second, _ = _ask(store, toy, 0)
    store.tell(Labels.from_answers({first: 2, second: 0}), "person")
    other, another, _ = _ask(store, toy, 1, labels=8)
    answers = {other: 1, another: 1, first: 0}
    store.tell(Labels.from_answers(answers), "person")
    for index in (0, 1):
        reporter.show_end(index)
    for index, expected in (
        (0, f"{first} high {second} low"),
        (1, f"{other} middle {another} middle"),
    ):
        _, *rows = _file(config, f"rounds/{index:04d}/query.csv").read_text().splitlines()
        cells = [row.split(",") for row in rows]
        assert " ".join(f"{row[0]} {row[-1]}" for row in cells) == expected


def test_the_last_round_has_no_query_to_show(reporter, config, store, lines):
    store.ask(_point(0, 6), None, [], {})
    reporter.show_end(0)
    assert len(lines) == 2
    assert not _file(config, "rounds").exists()
    assert store.reader.artifacts() == []


@pytest.mark.parametrize(
    ("index", "labels", "left"),
    # Eight seconds a round, six of them by labels: (6 * 9 / 6 + 2) * 2 and 6 * 10 / 8 + 2.
    [(0, 6, "22 s"), (1, 8, "10 s"), (2, 10, "0 s")],
)
def test_the_time_left_grows_with_the_labels(reporter, store, lines, index, labels, left):
    for before in range(index):
        store.ask(_point(before, 6), None, [], {})
    store.ask(_point(index, labels), None, [], {})
    reporter.show_end(index)
    assert lines[-1].endswith(f"  {left}")


def test_the_time_left_does_not_grow_where_steps_do_not(config, toy, store, lines):
    store.ask(_point(0, 6), None, [], {})
    # 700 steps, whether there are 6 labels or 10.
    with Reporter(config.replace(steps="auto"), toy, store, lines.append) as reporter:
        reporter.show_end(0)
    assert lines[-1].endswith("  16 s")


def test_a_run_that_ended_with_an_error_has_not_ended_for_tensorboard(config, toy, store):
    tag = "_hparams_/session_end_info"
    with pytest.raises(KeyboardInterrupt), Reporter(config, toy, store, print):
        raise KeyboardInterrupt
    assert tag not in _tensors(config)
    with Reporter(config, toy, store, print):
        pass
    assert tag in _tensors(config)


def test_findings_are_said_and_written(config, toy, store, lines):
    groups = (("c", "dog"), ("d", "")), (("e", "dog"), ("f", "cat"))
    found = Findings(9, (("a, b.png", "it is broken"),), groups, ("A note.",))
    dataset = dataclasses.replace(toy, findings=found)
    with Reporter(config, dataset, store, lines.append) as reporter:
        reporter.show_run({})
    folder = pathlib.Path(config.run_dir)
    assert lines == [
        "A note.",
        f"1 of 9 images cannot be read and are set aside; see {folder / 'unreadable.csv'}",
        "4 images are near copies of each other, in 2 groups that no split divides; see "
        f"{folder / 'near_copies.csv'}",
        "1 of these groups have images of several classes, so some of their labels may be "
        f"wrong; see {folder / 'near_copies.csv'}",
    ]
    assert (folder / "unreadable.csv").read_text() == 'path,reason\n"a, b.png",it is broken\n'
    assert (folder / "near_copies.csv").read_text() == (
        "group,id,label\n1,c,dog\n1,d,\n2,e,dog\n2,f,cat\n"
    )
