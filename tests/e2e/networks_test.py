"""Runs with the networks for own images: killed and gone on, exported, refused."""

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import loop
from dbal_tf.audit.facts import read_facts
from dbal_tf.components.example_gen import load
from dbal_tf.components.features import Features
from dbal_tf.components.pusher import Pusher
from dbal_tf.config import Config
from dbal_tf.datasets.shard_writer import write_shards
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("checked_here")

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    """A folder with 32x32 colour images of three classes, of a colour each."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for split, count in (("train", 60), ("test", 12)):
        classes = np.arange(count) % 3
        images = rng.integers(0, 120, (count, 32, 32, 3)).astype(np.uint8)
        images[np.arange(count), :, :, classes] += 90
        ids = np.array([f"{split}-{row}" for row in range(count)])
        write_shards(folder, split, images, classes, ids, 1)
    return str(folder)


@pytest.fixture
def frozen(shards, tmp_path) -> Config:
    return Config(
        dataset="tfrecord",
        data_dir=shards,
        acquisition=("bald",),
        model="keras.applications:VGG16",
        weights="none",
        feature_cache=str(tmp_path / "cache"),
        rounds=1,
        acquisition_size=5,
        validation_size=10,
        epochs=5,
        num_samples=5,
        run_dir=str(tmp_path / "run"),
    )


def _facts(config: Config) -> tuple:
    with Store(pathlib.Path(config.run_dir)) as store:
        reader = store.reader
        points = [(p.labels, p.evaluation) for p in reader.curve()]
        return reader.labels().ids.tolist(), points


def _kill_after(config: Config, start: str) -> None:
    """Runs in another process, which is killed when it writes such a line."""
    path = pathlib.Path(config.run_dir).with_suffix(".cfg")
    path.write_text(config.to_flags())
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "dbal_tf.main", f"--flagfile={path}"],
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(path.parent)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        seen = any(line.startswith(start) for line in process.stdout)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert seen


def test_a_frozen_trunk_killed_gone_on_and_exported(frozen, tmp_path, monkeypatch):
    dataset = load(frozen)
    lines = []
    loop.run(frozen, dataset, lines.append)
    assert any(line.startswith("features of 72 images") for line in lines)
    other = frozen.replace(
        run_dir=str(tmp_path / "other"), feature_cache=str(tmp_path / "other-cache")
    )
    _kill_after(other, "features: 72 of 72")
    with monkeypatch.context() as patch:  # One export is enough to look at.
        patch.setattr(Pusher, "run", lambda self, *_: self.folder.parent / "flags.cfg")
        loop.run(other, dataset, lambda line: None)
    assert _facts(other) == _facts(frozen)

    rows = read_facts(pathlib.Path(frozen.run_dir)).rounds
    digest = Features.from_config(frozen).trunk(dataset)[1]
    assert {row.versions["model"] for row in rows} == {f"{frozen.model} {digest}"}
    served = tf.saved_model.load(f"{frozen.run_dir}/export/1").signatures["serving_uint8"]
    images = tf.constant(np.asarray(dataset.test.images))
    assert images.shape == (12, 32, 32, 3)
    probs = served(images=images)["probs"].numpy()
    error = (probs.argmax(axis=1) != dataset.test_labels.classes).mean()
    assert error == pytest.approx(_facts(frozen)[1][-1][1].error, abs=1 / 12 + 1e-6)


def test_all_of_a_network_is_trained(frozen, no_export):
    config = frozen.replace(train_trunk=True, rounds=1, epochs=1, acquisition=("random",))
    loop.run(config, load(config), lambda line: None)
    assert [labels for labels, _ in _facts(config)[1]] == [6, 11]
    assert not pathlib.Path(config.feature_cache).exists()


def test_the_small_residual_network_on_digits(tiny, no_export):
    config = tiny.replace(model="bayesian_resnet", acquisition=("bald",), rounds=1)
    loop.run(config, load(config), lambda line: None)
    assert [labels for labels, _ in _facts(config)[1]] == [20, 30]


def test_images_that_are_too_small_are_refused_before_anything_is_written(tmp_path):
    flags = ["--dataset=digits", "--model=keras.applications:VGG16", "--weights=none"]
    done = subprocess.run(
        [sys.executable, "-m", "dbal_tf.main", *flags, f"--run_dir={tmp_path / 'run'}"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "VGG16 got images of 28x28; expected a size that it takes" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
