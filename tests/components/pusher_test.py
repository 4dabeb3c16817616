import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.artifacts import Evaluation, Model
from dbal_tf.components import pusher
from dbal_tf.components.pusher import Pusher
from dbal_tf.runtime import interrupts
from dbal_tf.store.layout import EXPORT_MARKER

_EVALUATION = Evaluation(0.25, 1.0, 0.5, 0.1, 0.3, 1.1, blessed=True)


def _model():
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return Model(keras.Sequential(layers), num_labels=9, weight_decay=1.0, seed=0)


def _run(folder, toy, version=7):
    return Pusher(folder, "mc_dropout", 5, "mean").run(_model(), toy, _EVALUATION, version, 5)


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves out the check in another process, which takes seconds."""
    monkeypatch.setattr(pusher, "_check", lambda folder, expected: None)


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_version_is_checked_and_whole_and_nothing_else_stays(tmp_path, toy):
    path = _run(tmp_path / "export", toy)
    assert path == tmp_path / "export" / "7"
    assert _names(path.parent) == ["7"]
    assert {"saved_model.pb", "variables", EXPORT_MARKER} <= set(_names(path))
    assert json.loads((path / EXPORT_MARKER).read_text()) == {
        "labels": 9,
        "error": 0.25,
        "blessed": True,
        "class_names": ["low", "middle", "high"],
        "dataset_checksum": "toy",
    }


def test_what_the_check_is_to_expect_is_what_the_model_answers(tmp_path, toy, monkeypatch):
    seen = {}
    monkeypatch.setattr(pusher, "_check", lambda folder, expected: seen.update(expected))
    loaded = tf.saved_model.load(str(_run(tmp_path, toy)))
    np.testing.assert_array_equal(seen["images"], toy.test.images[:8])
    for seed in (0, 1):
        scores = loaded.signatures["scores_uint8"](
            images=tf.constant(seen["images"]),
            num_samples=tf.constant(seen["num_samples"]),
            seed=tf.constant(seed, tf.int64),
        )
        np.testing.assert_allclose(scores["probs"], seen["probs"][seed], atol=1e-6)
    assert (seen["probs"][0] != seen["probs"][1]).any()


def test_a_failed_check_is_said_and_leaves_what_was_there(tmp_path, toy, monkeypatch):
    (tmp_path / "7").mkdir()
    other = dataclasses.replace(toy, class_names=("low", "middle", "top"))
    expected = pusher._expected
    monkeypatch.setattr(pusher, "_expected", lambda _, scores: expected(other, scores))
    with pytest.raises(RuntimeError) as error:
        _run(tmp_path, toy)
    assert str(error.value) == (
        "The SavedModel cannot be used (its class names are ['low', 'middle', 'high']); "
        "expected the answers of the trained model; nothing was exported."
    )
    assert _names(tmp_path) == ["7"]


def test_a_check_that_does_not_end_or_say_why_is_said(tmp_path, monkeypatch):
    done = subprocess.CompletedProcess([], -9, b"", b"")
    monkeypatch.setattr(pusher.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(RuntimeError, match="the check ended with status -9"):
        pusher._check(tmp_path, {})

    def too_long(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(pusher.subprocess, "run", too_long)
    with pytest.raises(RuntimeError, match="was not checked within 600 s"):
        pusher._check(tmp_path, {})


def test_an_older_export_of_the_number_is_replaced(tmp_path, toy, unchecked):
    for name in ("7/old", ".7.partial/cut off", ".6.old/cut off", "5/another"):
        (tmp_path / name).mkdir(parents=True)
    path = _run(tmp_path, toy)
    assert _names(tmp_path) == ["5", "7"]
    assert not {"old", "cut off"} & set(_names(path))


def test_discard_takes_a_version_away(tmp_path):
    (tmp_path / "7" / "variables").mkdir(parents=True)
    (tmp_path / "8").mkdir()
    exports = Pusher(tmp_path, "mc_dropout", 5, "mean")
    for version in (7, 9):
        exports.discard(version)
    assert _names(tmp_path) == ["8"]


def test_discard_hides_a_version_before_it_touches_it(tmp_path, monkeypatch):
    (tmp_path / "7").mkdir()
    monkeypatch.setattr(shutil, "rmtree", lambda path: pathlib.Path(path, "half gone").touch())
    Pusher(tmp_path, "mc_dropout", 5, "mean").discard(7)
    assert _names(tmp_path) == [".7.old"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_check_ends_it(tmp_path, monkeypatch, number):
    started = threading.Event()
    real = subprocess.Popen
    processes = []

    def start(command, **options):
        processes.append(real([sys.executable, "-c", "input(); input()"], **options))
        started.set()
        return processes[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    stop = threading.Thread(
        target=lambda: started.wait() and os.kill(os.getpid(), number), daemon=True
    )
    with pytest.raises(interrupts.Interrupted), interrupts.raising():
        stop.start()
        pusher._check(tmp_path, {"images": np.zeros(3)})
    assert processes[0].poll() is not None


# Imports TensorFlow once and forks for every moment, before TensorFlow has threads.
_KILLED = """
import os, pathlib, signal, sys, threading, time, types
import numpy as np
from dbal_tf.runtime import startup
startup.import_tensorflow()
import keras
from dbal_tf.artifacts import Evaluation, Model
from dbal_tf.components import pusher


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def export(folder, event, number):
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = Model(keras.Sequential(layers), 9, 1.0, 0)
    examples = types.SimpleNamespace(images=np.zeros((8, 8, 8, 1), np.uint8))
    dataset = types.SimpleNamespace(test=examples, class_names=("a", "b", "c"), checksum="")
    seen = []

    def hook(kind, arguments):
        if kind == event and folder in os.path.abspath(str(arguments[0])):
            seen.append(arguments)
            if len(seen) == int(number):
                kill()

    def watch():
        while not os.path.exists(f"{folder}/.7.partial/{number}"):
            time.sleep(0.001)
        kill()

    if event == "written":
        threading.Thread(target=watch, daemon=True).start()
    pusher._check = lambda *_: None
    sys.addaudithook(hook)
    evaluation = Evaluation(0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    pusher.Pusher(pathlib.Path(folder), "mc_dropout", 5, "mean").run(
        model, dataset, evaluation, 7, 0
    )


for moment in sys.argv[1:]:
    folder, event, number = moment.split(":")
    os.chdir(folder)
    child = os.fork()
    if not child:
        export(folder, event, number)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_MOMENTS = {
    "as it begins to write": ("written", ""),
    "while it writes variables": ("written", "variables/variables.index"),
    "as its graph is written": ("written", "saved_model.pb"),
    "before its marker": ("open", 1),
    "before its marker has its name": ("os.rename", 1),
    "before it is synced": ("open", 2),
    "before the old one is hidden": ("os.rename", 2),
    "before the old one goes": ("shutil.rmtree", 1),
    "while the old one goes": ("os.remove", 1),
    "before it has its name": ("os.rename", 3),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory, toy):
    """Ten folders with an export of before, killed at one moment each of the next."""
    root = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pusher, "_check", lambda folder, expected: None)
        _run(root / "before", toy)
    folders = {name: root / str(number) for number, name in enumerate(_MOMENTS)}
    for folder in folders.values():
        shutil.copytree(root / "before", folder)
    moments = [f"{folders[name]}:{event}:{n}" for name, (event, n) in _MOMENTS.items()]
    command = [sys.executable, "-c", _KILLED, *moments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.stdout.split() == ["-9"] * len(_MOMENTS), done.stderr
    return folders


@pytest.fixture
def written_at_once(monkeypatch):
    """Writes an empty file for a SavedModel, and leaves out its check."""

    class Archive:
        def write_out(self, folder, verbose):
            pathlib.Path(folder).mkdir(parents=True)
            pathlib.Path(folder, "saved_model.pb").touch()

    monkeypatch.setattr(pusher, "serving_archive", lambda *_: (Archive(), None))
    monkeypatch.setattr(pusher, "_expected", lambda dataset, scores: {})
    monkeypatch.setattr(pusher, "_check", lambda folder, expected: None)


@pytest.mark.parametrize("moment", _MOMENTS)
def test_killed_at_any_moment_what_looks_whole_is(killed, toy, written_at_once, moment):
    folder = killed[moment]
    for path in folder.iterdir():
        if not path.name.startswith("."):
            assert path.name == "7"
            assert json.loads((path / EXPORT_MARKER).read_text())["labels"] == 9
            loaded = tf.saved_model.load(str(path))
            probs = loaded.signatures["serving_default"](images=tf.zeros([2, 8, 8, 1]))["probs"]
            np.testing.assert_allclose(np.sum(probs, axis=1), 1, atol=1e-5)
    _run(folder, toy)
    assert _names(folder) == ["7"]
    assert (folder / "7" / EXPORT_MARKER).is_file()
