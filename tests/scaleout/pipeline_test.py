"""The whole pipeline in this process: any division, damage, retries, two passes."""

import csv
import json
import pathlib

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from dbal_tf.acquisition.stochastic import stochastic
from dbal_tf.scaleout import pipeline, records
from dbal_tf.scaleout.pipeline import COUNTS, QUERY, SCORED, Job, build
from dbal_tf.scaleout.scoring import Ranking

_SAMPLES = 6


def _run(job: Job, *flags: str) -> None:
    options = beam.options.pipeline_options.PipelineOptions([*flags])
    with beam.Pipeline(options=options) as steps:
        build(steps, job)


def _query(folder: pathlib.Path) -> dict[str, float]:
    with open(folder / QUERY, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    return {row["id"]: float(row["score"]) for row in rows}


def _scores(folder: pathlib.Path) -> dict[str, float]:
    tables = [pq.read_table(path) for path in folder.glob("scores-*.parquet")]
    rows = [row for table in tables for row in table.to_pylist()]
    assert len({row["id"] for row in rows}) == len(rows), "each id once"
    return {row["id"]: row["score"] for row in rows}


@pytest.fixture
def job(export, images, tmp_path, shards) -> Job:
    ranking = Ranking("bald", _SAMPLES, 2)
    return Job(
        *(export, (shards(3),), str(tmp_path / "out"), 20, ranking, images.shape[1:], 50)
    )


@pytest.fixture
def expected(export, images) -> np.ndarray:
    """The scores of all images, scored at once."""
    signature = tf.saved_model.load(export).signatures["scores_uint8"]
    numbers = (tf.constant(value, tf.int64) for value in (_SAMPLES, 2))
    samples, seed = numbers
    return signature(images=tf.constant(images), num_samples=samples, seed=seed)["bald"].numpy()


def test_the_query_is_the_single_machines_whatever_the_division(
    job, expected, shards, tmp_path
):
    _run(job)
    ids = [f"item-{row:04d}" for row in range(len(expected))]
    scores = _scores(tmp_path / "out")
    np.testing.assert_allclose([scores[item] for item in ids], expected, atol=1e-5)
    best = [ids[row] for row in stochastic(expected, ids, 20, 2, "softmax", 0.0)]
    assert list(_query(tmp_path / "out")) == best
    assert json.loads((tmp_path / "out" / COUNTS).read_text()) == {SCORED: 240}
    other = job.__class__(
        *(job.model, (shards(7, "other"),), str(tmp_path / "again"), 20),
        *(job.ranking, job.image_shape, 31),
    )
    _run(other)
    assert list(_query(tmp_path / "again")) == best
    again = _scores(tmp_path / "again")
    np.testing.assert_allclose([again[item] for item in ids], expected, atol=1e-5)


def test_damaged_records_are_counted_and_the_rest_is_scored(job, tmp_path):
    (path, *_) = sorted((tmp_path / "pool").iterdir())
    data = bytearray(path.read_bytes())
    size = len(data) // 80  # All records are of one length.
    for number in (5, 40):
        data[number * size + 20] ^= 1
    path.write_bytes(bytes(data[: 79 * size + 30]))
    _run(job)
    counts = json.loads((tmp_path / "out" / COUNTS).read_text())
    assert counts == {SCORED: 237, records.DAMAGED: 2, records.TRUNCATED: 1}
    lines = [
        json.loads(line)
        for file in (tmp_path / "out").glob("dead_letter-*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert sorted(line["place"].split()[-1] for line in lines) == ["40", "5", "79"]
    assert len(_scores(tmp_path / "out")) == 237


def test_a_retried_bundle_writes_each_item_once(job, expected, tmp_path, monkeypatch):
    lost, table = tmp_path / "lost", pipeline._table

    def fails_once(block):
        # A file, because each attempt has a copy of this function.
        if not lost.exists():
            lost.touch()
            raise RuntimeError("a worker is lost")
        return table(block)

    monkeypatch.setattr(pipeline, "_table", fails_once)
    _run(job, "--runner=BundleBasedDirectRunner")
    assert lost.exists()
    assert len(_scores(tmp_path / "out")) == len(expected)
    assert len(_query(tmp_path / "out")) == 20


def test_the_best_are_scored_again_with_more_samples(job, export, images, tmp_path):
    finer = job.__class__(**{**vars(job), "refine": 60, "refine_samples": 40, "top": 5})
    _run(finer)
    found = _query(tmp_path / "out")
    signature = tf.saved_model.load(export).signatures["scores_uint8"]
    rows = [int(item.removeprefix("item-")) for item in found]
    again = signature(
        images=tf.constant(images[rows]),
        num_samples=tf.constant(40, tf.int64),
        seed=tf.constant(2, tf.int64),
    )["bald"].numpy()
    np.testing.assert_allclose(list(found.values()), again, atol=1e-5)
    assert len(found) == 5 and list(found.values()) == sorted(found.values(), reverse=True)
    assert len(_scores(tmp_path / "out")) == 240


def test_image_files_of_a_folder(job, images, tmp_path):
    folder = tmp_path / "files" / "deep"
    folder.mkdir(parents=True)
    for row in range(6):
        (folder / f"{row}.png").write_bytes(tf.io.encode_png(images[row]).numpy())
    (folder / "7.png").write_bytes(b"no image")
    changed = {"patterns": (f"{tmp_path}/files/**.png",), "folder": f"{tmp_path}/files"}
    _run(job.__class__(**{**vars(job), **changed, "top": 4}))
    assert set(_query(tmp_path / "out")) < {f"deep/{row}.png" for row in range(6)}
    counts = json.loads((tmp_path / "out" / COUNTS).read_text())
    assert counts.pop(SCORED) == 6 and list(counts.values()) == [1]
