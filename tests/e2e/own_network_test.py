"""A script with a network of its own, asking and telling, equals the command line."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.lineage import lineage
from dbal_tf.datasets.shard_writer import write_shards
from dbal_tf.store.files import digest

_ROOT = pathlib.Path(__file__).parents[2]

_NETWORK = """
import keras
from keras import layers


def build(image_shape, num_classes, seed):
    def start(offset):
        return keras.initializers.HeNormal(seed=seed + offset)

    images = keras.Input(image_shape)
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", kernel_initializer=start(0))(x)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.25, seed=seed)(x)
    x = layers.Dense(16, activation="relu", kernel_initializer=start(1))(x)
    x = layers.Dropout(0.5, seed=seed)(x)
    x = layers.Dense(num_classes, activation="softmax", kernel_initializer=start(2))(x)
    return keras.Model(images, x)
"""

_NOTEBOOK = """
import json, os, signal, sys

import dbal_tf as dbal
from my_network import build

truth = json.load(open("truth.json"))
config = dbal.Config(
    dataset="tfrecord",
    data_dir="shards",
    acquisition=("bald",),
    rounds=2,
    acquisition_size=5,
    validation_size=10,
    epochs=3,
    num_samples=5,
    run_dir="notebook",
)
with dbal.Run.open(config, model=build) as run:
    while query := run.ask():
        if "stop" in sys.argv:
            os.kill(os.getpid(), signal.SIGKILL)
        images = run.dataset.train.select(query.ids).images
        assert images.shape == (len(query), 32, 32, 3)
        run.tell(dbal.Labels.from_answers({item: truth[item] for item in query.ids}))
    print(len(run.curve()))
"""

_FLAGS = (
    *("--dataset=tfrecord", "--data_dir=shards", "--acquisition=bald", "--rounds=2"),
    *("--acquisition_size=5", "--validation_size=10", "--epochs=3", "--num_samples=5"),
    *("--model=my_network:build", "--export_every=-1", "--run_dir=program"),
)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with colour images of three classes, a network and a script."""
    rng = np.random.default_rng(0)
    truth = {}
    for split, count in (("train", 90), ("test", 30)):
        classes = np.arange(count) % 3
        images = rng.integers(0, 120, (count, 32, 32, 3)).astype(np.uint8)
        images[np.arange(count), :, :, classes] += 90
        ids = np.array([f"{split}-{row}" for row in range(count)])
        write_shards(tmp_path / "shards", split, images, classes, ids, 1)
        truth |= dict(zip(ids.tolist(), classes.tolist(), strict=True))
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "my_network.py").write_text(_NETWORK)
    (tmp_path / "notebook.py").write_text(_NOTEBOOK)
    return tmp_path


def _python(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def _without_seconds(path: pathlib.Path) -> list[dict[str, str]]:
    rows = csv.DictReader(path.read_text().splitlines())
    return [{k: v for k, v in row.items() if not k.endswith("_seconds")} for row in rows]


def test_a_script_that_was_killed_ends_as_the_command_line_does(folder):
    assert _python(folder, "notebook.py", "stop").returncode == -signal.SIGKILL
    [waiting] = read_facts(folder / "notebook").rounds
    done = _python(folder, "notebook.py")
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    assert (folder / "notebook/export/2/complete.json").is_file()
    assert read_facts(folder / "notebook").rounds[0] == waiting, (
        "it waited, and trained nothing"
    )

    done = _python(folder, "-m", "dbal_tf.main", *_FLAGS)
    assert (done.returncode, done.stderr) == (0, "")
    script, program = folder / "notebook", folder / "program"
    for index in range(2):
        query = f"rounds/{index:04d}/query.csv"
        assert (script / query).read_text() == (program / query).read_text()
    assert _without_seconds(script / "curve.csv") == _without_seconds(program / "curve.csv")
    for run in (script, program):
        facts = read_facts(run)
        assert facts.rounds[2].point.labels == 16
        made_of = f"my_network:build {digest(folder / 'my_network.py')}"
        assert {row.versions["model"] for row in facts.rounds} == {made_of}
        assert made_of in " ".join(lineage(facts, "model/2").split())
