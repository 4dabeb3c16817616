"""Section 5.5 in small: a grid over folds, stopped and gone on, and its bad inputs."""

import dataclasses
import signal

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from dbal_tf.bayesian import applications
from dbal_tf.components import example_gen, features
from dbal_tf.components.trainer import Trainer
from dbal_tf.experiments.outcome import read_run
from dbal_tf.runtime.interrupts import Interrupted
from dbal_tf.store.bought import read_bought

_FLAGS = (
    *("--experiment=melanoma", "--dataset=image_folder", "--data_dir=images"),
    *("--labels_csv=labels.csv", "--feature_cache=features", "--run_dir=run"),
    *("--model=keras.applications:VGG16", "--weights=none", "--only=trained"),
    *("--acquisition=bald,random", "--folds=2", "--export_every=-1"),
    *("--initial_counts=benign:4,malignant:2", "--flip_classes=malignant", "--rounds=1"),
    *("--acquisition_size=5", "--validation_size=0", "--weight_decay=0.25", "--epochs=2"),
    *("--num_samples=3", "--batch_size=8"),
)


@pytest.fixture
def lesions(tmp_path, monkeypatch):
    """Thirty-two light and twelve dark images, of each four a near copy of another."""
    monkeypatch.chdir(tmp_path)
    example_gen._load.cache_clear()  # It knows folders by their names.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng, rows = np.random.default_rng(0), ["image_id,label"]
    (tmp_path / "images").mkdir()
    for number in range(44):
        is_dark = number >= 32
        if number % 11 != 1:
            pixels = rng.integers(0, 156, (8, 8, 3)) + (0 if is_dark else 90)
        Image.fromarray(pixels.astype(np.uint8)).save(f"images/ISIC_{number:04d}.png")
        rows.append(f"ISIC_{number:04d},{'malignant' if is_dark else 'benign'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def small_trunk(monkeypatch):
    """A convolution in the place of VGG16, which takes no images of 8x8 pixels."""

    def build(trunk, image_shape, seed, frozen=True):
        start = keras.initializers.HeNormal(seed)
        image = keras.Input(image_shape)
        x = keras.layers.Conv2D(5, 3, activation="relu", kernel_initializer=start)(image)
        model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
        model.trainable = not frozen
        return model

    monkeypatch.setattr(applications.Trunk, "build", build)
    features._built.cache_clear()
    yield
    features._built.cache_clear()


def _facts(folder):
    """What a run bought and measured, without its times."""
    points = [dataclasses.replace(p, seconds={}) for p in read_run(folder).curve]
    return read_bought(folder).labels.ids.tolist(), points


def test_stopped_in_its_second_run_it_goes_on_to_the_same(
    lesions, small_trunk, program, monkeypatch
):
    status, out, err = program(*_FLAGS)
    assert (status, err) == (0, ""), err
    assert "2 of 6 runs are finished." in out
    assert (lesions / "run/melanoma.svg").is_file()
    assert (lesions / "run/reliability.png").is_file()
    assert "2 of 6 runs" in (lesions / "run/report.md").read_text()

    real, calls = Trainer.run, []

    def stop(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == 4:
            raise Interrupted(signal.SIGTERM)
        return real(self, *args, **kwargs)

    again = [*_FLAGS, "--run_dir=other", "--feature_cache=others"]
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", stop)
        status, _, err = program(*again)
    assert (status, "nothing is lost" in err) == (143, True)
    status, out, err = program(*again)
    assert (status, err) == (0, "")
    assert "finished before" in out
    for path in ("bald/0", "random/0"):
        facts = [_facts(lesions / run / "trained" / path) for run in ("run", "other")]
        assert facts[0] == facts[1]
        assert [point.labels for point in facts[0][1]] == [6, 11]
        assert len(set(facts[0][0])) == 11


def test_all_of_the_network_is_trained_on_flips_too(lesions, small_trunk, program):
    flags = [*_FLAGS, "--train_trunk", "--only=trained/bald/0", "--rounds=0"]
    status, _, err = program(*flags)
    assert (status, err) == (0, "")
    [point] = _facts(lesions / "run/trained/bald/0")[1]
    assert point.evaluation.auc is not None
    assert not (lesions / "features").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "masks",
            "44 ids of --labels_csv=labels.csv name no image of --data_dir=images, first",
        ),
        ("other names", "ids of --labels_csv=labels.csv name no image of --data_dir=images"),
        ("one class", "--data_dir=images has 1 classes; expected at least two"),
        ("weights", "--weights=other.weights.h5 does not fit keras.applications:VGG16"),
        ("class", "--flip_classes=melanoma names melanoma, which is not a class"),
        ("counts", "--initial_counts=a:1,b:2 names a, b; expected each of the classes benign"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(lesions, program, change, said):
    flags = list(_FLAGS)
    if change == "masks":
        for path in list((lesions / "images").iterdir()):
            path.rename(path.with_stem(f"{path.stem}_Segmentation"))
    table = lesions / "labels.csv"
    if change == "other names":
        table.write_text(table.read_text().replace("ISIC_", "IMG_"))
    if change == "one class":
        table.write_text(table.read_text().replace("malignant", "benign"))
    if change == "weights":
        with h5py.File("other.weights.h5", "w") as file:
            file["layers/dense/vars/0"] = np.zeros((3, 2))
        flags += ["--weights=other.weights.h5", "--image_size=32"]
    if change == "class":
        flags += ["--flip_classes=melanoma", "--model=bayesian_resnet", "--weights=imagenet"]
    if change == "counts":
        flags += ["--initial_counts=a:1,b:2"]
    status, _, err = program(*flags)
    assert (status, err.count("\n")) == (2, 1)
    assert said in err
    assert not (lesions / "run").exists()
