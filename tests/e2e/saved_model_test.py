"""An exported model is used where this package is not."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dbal_tf import loop
from dbal_tf.acquisition import ACQUISITIONS
from dbal_tf.bayesian.inference import predictive_statistics
from dbal_tf.components.example_gen import load
from dbal_tf.components.trainer import Trainer
from dbal_tf.config import Config
from dbal_tf.seeds import seed_for
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("checked_here")

_ELSEWHERE = """
import sys
import numpy as np
import tensorflow as tf

model = tf.saved_model.load("export/0")
with np.load("images.npz", allow_pickle=False) as file:
    pixels = file["images"]
images = pixels.astype(np.float32)
found = {}


def plain(array):
    return array.astype("S") if array.dtype == object else array


def note(name, result):
    found.update({f"{name}/{key}": plain(value.numpy()) for key, value in result.items()})


def scores(images, num_samples, seed):
    return model.signatures["scores"](
        images=tf.constant(images),
        num_samples=tf.constant(num_samples, tf.int64),
        seed=tf.constant(seed, tf.int64),
    )


note("serving", model.signatures["serving_default"](images=tf.constant(images)))
note("seven", scores(images, 30, 7))
note("again", scores(images, 30, 7))
note("eight", scores(images, 30, 8))
note("alone", scores(images[:1], 30, 7))
note("pixels", model.signatures["serving_uint8"](images=tf.constant(pixels)))
note("names", model.signatures["class_names"]())
np.savez("found.npz", **found)
print(sorted(name for name in sys.modules if name.split(".")[0] == "dbal_tf"))
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return Config(
        dataset="digits",
        rounds=0,
        epochs=10,
        num_samples=30,
        weight_decay="2.5",
        seed=2,
        run_dir=str(tmp_path_factory.mktemp("saved_model") / "run"),
    )


@pytest.fixture(scope="module")
def dataset(config):
    return load(config)


@pytest.fixture(scope="module")
def images(dataset):
    return dataset.test.images[:33]


@pytest.fixture(scope="module")
def found(config, dataset, images):
    """What the exported model of a run says, in a process of its own."""
    loop.run(config, dataset, lambda _: None)
    folder = pathlib.Path(config.run_dir)
    np.savez(folder / "images.npz", images=images)
    command = [sys.executable, "-I", "-c", _ELSEWHERE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    with np.load(folder / "found.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def statistics(config, dataset, images, found):
    """What this package says of the same model, trained again."""
    with Store(pathlib.Path(config.run_dir)) as store:
        labels = store.reader.labels()
    trainer, seed = Trainer.from_config(config), seed_for(config.seed, 0, 0, "fit")
    model = trainer.run(trainer.fitter(dataset), dataset, labels, 2.5, seed)
    seeds = {"seven": 7, "serving": seed_for(config.seed, 0, 0, "serving")}
    return {
        name: predictive_statistics(model.network, images, 30, seed)
        for name, seed in seeds.items()
    }


def test_probabilities_are_served(found, statistics):
    probs = found["serving/probs"]
    assert probs.shape == (33, 10)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(probs, statistics["serving"].mean_probs, atol=1e-5)


def test_decoded_images_and_class_names_need_nothing_else(found):
    np.testing.assert_allclose(found["pixels/probs"], found["serving/probs"], atol=1e-6)
    assert [name.decode() for name in found["names/class_names"]] == list("0123456789")


def test_scores_go_by_their_names(found):
    names = {key.removeprefix("seven/") for key in found if key.startswith("seven/")}
    assert names == {"probs", "random", "bald", "max_entropy", "var_ratios", "mean_std"}
    assert all(len(found[f"seven/{name}"]) == 33 for name in names)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_scores_are_those_of_the_package(found, statistics, name):
    expected = ACQUISITIONS[name](statistics["seven"])
    np.testing.assert_allclose(found[f"seven/{name}"], expected, atol=1e-5)


def test_information_is_at_most_the_entropy(found):
    bald, entropy = found["seven/bald"], found["seven/max_entropy"]
    assert (bald > 0).all()
    assert (bald <= entropy).all()
    assert entropy.max() <= np.log(10) + 1e-5


def test_the_seed_decides_the_samples(found):
    for name in ("probs", "bald", "mean_std"):
        np.testing.assert_array_equal(found[f"seven/{name}"], found[f"again/{name}"])
        assert (found[f"seven/{name}"] != found[f"eight/{name}"]).any()


def test_an_image_alone_is_scored_as_among_others(found):
    for name in ("probs", *ACQUISITIONS):
        alone, among = found[f"alone/{name}"], found[f"seven/{name}"][:1]
        np.testing.assert_allclose(alone, among, atol=1e-5)
