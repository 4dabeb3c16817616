"""Exports here are as Label Studio 1.23 writes them, shortened."""

import csv
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest

from dbal_tf.core import InputError
from dbal_tf.labelling.label_studio import (
    configuration,
    read_exports,
    task_items,
    tasks,
)

NAMES = ('a "b" <c> & d', "\u732b", "plain")
IDS = ["x/1,2.png", "y/\u00fc.png", "z"]


def _annotation(number, names, updated, cancelled=False):
    choices = {"from_name": "class", "to_name": "image", "type": "choices"}
    result = [choices | {"value": {"choices": names}}] if names else []
    return {
        "id": number,
        "completed_by": {"id": 1, "email": "a@example.com"},
        "result": result,
        "was_cancelled": cancelled,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": updated,
    }


def _task(number, item, *annotations):
    data = {"item": item, "rank": number, "image": "data:image/png;base64,AA=="}
    return {"id": number + 70, "annotations": list(annotations), "data": data}


EXPORT = [
    _task(1, IDS[0], _annotation(1, [NAMES[0]], "2026-01-01T10")),
    # The later one counts, wherever it stands.
    _task(
        2,
        IDS[1],
        _annotation(3, [NAMES[1]], "2026-01-01T12"),
        _annotation(2, [NAMES[2]], "2026-01-01T11"),
    ),
    _task(3, "z", _annotation(4, [], "2026-01-01T10", cancelled=True)),
    _task(4, "nothing chosen", _annotation(5, [], "2026-01-01T10")),
    _task(5, "not looked at"),
]
ANSWERS = {IDS[0]: NAMES[0], IDS[1]: NAMES[1]}


def _flat():
    """The rows of JSON_MIN and CSV, which lack what was cancelled."""
    for task in EXPORT:
        for one in task["annotations"]:
            if not one["was_cancelled"]:
                chosen = [r["value"]["choices"][0] for r in one["result"]]
                row = task["data"] | {"id": task["id"], "annotation_id": one["id"]}
                row |= {"annotator": 1, "updated_at": one["updated_at"]}
                yield row | ({"class": chosen[0]} if chosen else {})


def _csv():
    text, columns = io.StringIO(), ["annotation_id", "annotator", "class", "id"]
    columns += ["image", "item", "rank", "updated_at"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_flat())
    return text.getvalue()


def _read(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return {one.item: one.text for one in read_exports([path])}


def test_the_configuration_names_the_classes():
    view = ElementTree.fromstring(configuration(NAMES))
    assert [one.get("value") for one in view.iter("Choice")] == [*NAMES, "unsure"]
    assert view.find("Image").get("value") == "$image"
    choices = view.find("Choices")
    assert (choices.get("name"), choices.get("toName")) == ("class", "image")


def test_tasks_are_in_rank_order_also_by_score(tmp_path):
    probs = [np.array([0.1, 0.7, 0.2]), None, np.array([1.0, 0, 0])]
    text = tasks(IDS, ["u", "v", "w"], probs, NAMES, "round 3")
    rows = json.loads(text)
    assert [row["data"] for row in rows][:2] == [
        {"item": IDS[0], "rank": 1, "image": "u"},
        {"item": IDS[1], "rank": 2, "image": "v"},
    ]
    (first,), (last,) = rows[0]["predictions"], rows[2]["predictions"]
    assert "predictions" not in rows[1]
    assert first["score"] < last["score"] == 1
    assert first["result"][0]["value"] == {"choices": [NAMES[1]]}
    assert first["model_version"] == "round 3"
    (tmp_path / "t.json").write_text(text)
    assert task_items(tmp_path / "t.json") == IDS
    assert task_items(tmp_path / "no.json") is None
    (tmp_path / "t.json").write_text("[1]")
    assert task_items(tmp_path / "t.json") is None


def test_the_three_exports_say_the_same(tmp_path):
    full = _read(tmp_path, "labelled.json", json.dumps(EXPORT))
    assert full == ANSWERS | {"z": "skipped"}
    assert _read(tmp_path, "labelled.json", json.dumps(list(_flat()))) == ANSWERS
    assert _read(tmp_path, "labelled.csv", _csv()) == ANSWERS


def test_whoever_answered_is_named(tmp_path):
    path = tmp_path / "labelled.json"
    path.write_text(json.dumps(EXPORT))
    assert {one.annotator for one in read_exports([path])} == {"a@example.com"}
    path.write_text(json.dumps(list(_flat())))
    assert {one.annotator for one in read_exports([path])} == {"user 1"}
    # Not all editions and formats tell it.
    path.write_text(json.dumps([{"item": "a", "class": "low"}]))
    assert [one.annotator for one in read_exports([path])] == [""]


def test_pictures_in_a_csv_may_be_long(tmp_path):
    text = _csv().replace("AA==", "A" * 300_000)
    assert _read(tmp_path, "labelled.csv", text) == ANSWERS


def test_a_later_file_counts_more_and_a_task_may_be_imported_twice(tmp_path):
    one, two = tmp_path / "labelled.csv", tmp_path / "labelled.json"
    one.write_text("item,class\na,low\nb,low\na,high\n")
    two.write_text(json.dumps([{"item": "b", "class": "high"}]))
    assert {w.item: w.text for w in read_exports([one, two])} == {"a": "high", "b": "high"}
    assert {w.item: w.text for w in read_exports([two, one])} == {"a": "high", "b": "low"}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("labelled.json", "[\n{", "labelled.json, line 2, is not JSON"),
        ("labelled.json", "{}", "line 1, has no list of tasks"),
        ("labelled.json", "[1]", "task 1, is not as Label Studio exports it"),
        ("labelled.json", '[{"data": []}]', "task 1, is not as Label Studio exports it"),
        ("labelled.json", '[{"data": {"image": "x"}}]', "task 1, has no item"),
        (
            "labelled.json",
            json.dumps([_task(1, "a", _annotation(1, ["x", "y"], ""))]),
            "task 1, has the classes x, y; choose one",
        ),
        ("labelled.csv", "id,class\n1,low\n", "line 1, has no column item"),
        ("labelled.csv", "item,class\n,low\n", "line 2, has no item"),
        (
            "labelled.csv",
            'item;class\na;"{""choices"": [""x"", ""y""]}"\n',
            "line 2, has the classes x, y",
        ),
    ],
)
def test_a_broken_export_is_named(tmp_path, name, text, says):
    with pytest.raises(InputError, match=says):
        _read(tmp_path, name, text)
