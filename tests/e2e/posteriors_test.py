"""Posteriors that the training prepares, in a whole run: audited and served."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf import loop
from dbal_tf.audit import command as audit
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config

pytestmark = pytest.mark.usefixtures("checked_here")


@pytest.mark.parametrize("posterior", ["laplace", "ensemble", "bayes_by_backprop"])
def test_a_run_is_audited_and_served(
    posterior: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(
        dataset="digits",
        posterior=posterior,
        ensemble_size=2,
        acquisition=("max_entropy",),
        initial_per_class=2,
        rounds=1,
        epochs=2,
        num_samples=5,
        pool_subset=60,
        weight_decay="2.5",
        run_dir=str(tmp_path / "run"),
    )
    dataset = load(config)
    last = loop.run(config, dataset, lambda _: None)[-1].evaluation
    assert audit.main([str(tmp_path / "run")]) == 0, capsys.readouterr().out
    (folder,) = (tmp_path / "run" / "export").iterdir()
    served = tf.saved_model.load(str(folder)).signatures["scores"]
    images = tf.constant(np.asarray(dataset.test.images), tf.float32)
    answer = served(
        images=images, num_samples=tf.constant(5, tf.int64), seed=tf.constant(0, tf.int64)
    )
    error = np.mean(np.argmax(answer["probs"], axis=1) != dataset.test_labels.classes)
    assert error == pytest.approx(last.error, abs=0.05)
