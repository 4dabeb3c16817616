import base64
import dataclasses
import io
import json
import os

import numpy as np
import pytest
from PIL import Image

from dbal_tf.artifacts import Query
from dbal_tf.components.label_studio_oracle import LabelStudioOracle
from dbal_tf.core import AnswersAwaited, InputError


@pytest.fixture
def folder(finished_run, toy):
    """A run that waits; a picture of each of its items is in a folder."""
    (finished_run / "images").mkdir()
    for number in range(12):
        image = Image.fromarray(toy.train.images[number, ..., 0])
        image.save(finished_run / "images" / f"train-{number}", "PNG")
    os.makedirs(finished_run / "rounds/0002", exist_ok=True)
    np.savez(
        finished_run / "rounds/0002/predictions.npz",
        ids=np.array(["train-10", "train-9"]),
        probs=np.array([[0.1, 0.8, 0.1], [0.0, 0.1, 0.9]], np.float32),
    )
    return finished_run


@pytest.fixture
def oracle(folder, toy):
    data = dataclasses.replace(toy, name="image_folder")
    return LabelStudioOracle(str(folder), str(folder / "images"), data)


QUERY = Query(np.array(["train-9", "train-7", "train-10"]), np.zeros(3))


def _waits(oracle, query=QUERY):
    with pytest.raises(AnswersAwaited, match=f"{len(query)} images? waits? in .*to_label.json"):
        oracle.run(query)


def test_the_query_is_written_as_tasks_with_pictures_and_predictions(oracle, folder, toy):
    _waits(oracle)
    tasks = json.loads((folder / "to_label.json").read_text())
    assert [task["data"]["item"] for task in tasks] == QUERY.ids.tolist()
    header, _, content = tasks[0]["data"]["image"].partition(",")
    assert header == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        shown = np.asarray(picture)
    np.testing.assert_array_equal(shown, toy.train.images[9, ..., 0])
    assert "predictions" not in tasks[1]
    predicted = [t["predictions"][0] for t in (tasks[0], tasks[2])]
    assert [p["result"][0]["value"]["choices"] for p in predicted] == [["high"], ["middle"]]
    assert predicted[0]["score"] < predicted[1]["score"]
    assert predicted[0]["model_version"] == "round 2"
    assert '<Choice value="middle" />' in (folder / "labelling_config.xml").read_text()


def test_pictures_of_other_data_sets_are_the_networks(finished_run, toy):
    oracle = LabelStudioOracle(str(finished_run), "", toy)
    _waits(oracle, Query(toy.test.ids[:1], np.zeros(1)))
    assert "base64" in (finished_run / "to_label.json").read_text()


def test_exports_are_read_and_the_rest_waits(oracle, folder):
    _waits(oracle)
    written = (folder / "to_label.json").stat().st_mtime_ns
    _waits(oracle)
    assert (folder / "to_label.json").stat().st_mtime_ns == written
    export = folder / "labelled.json"
    # train-5 was answered in an earlier round, so: the whole project.
    rows = [{"item": "train-5", "class": "middle"}, {"item": "train-7", "class": "low"}]
    export.write_text(json.dumps(rows))
    labels = oracle.run(QUERY)
    assert list(labels.rows()) == [("train-7", 0, "labelled")]
    # A newer export as CSV counts more than the one that still lies there.
    (folder / "labelled.csv").write_text("item,class\ntrain-7,high\ntrain-9,low\n")
    os.utime(export, (1, 1))
    assert dict(zip(*(x.tolist() for x in _arrays(oracle.run(QUERY))), strict=True)) == {
        "train-7": 2,
        "train-9": 0,
    }


def _arrays(labels):
    return labels.ids, labels.classes


def test_a_broken_export_is_left_as_it_is(oracle, folder):
    (folder / "labelled.json").write_text('[{"item": "train-9", "class": "dog"}]')
    with pytest.raises(
        InputError, match="task 1: train-9 is labelled dog, which is not a class"
    ):
        oracle.run(QUERY)
    assert not (folder / "to_label.json").exists()
    oracle.check()
    with oracle.attend(print):
        pass
