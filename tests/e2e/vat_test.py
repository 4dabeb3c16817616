"""A run that learns from unlabelled images: better, resumable, and served."""

import pathlib

import keras
import numpy as np
import pytest
from keras import layers

from dbal_tf import loop
from dbal_tf.artifacts import Labels
from dbal_tf.components.example_gen import load
from dbal_tf.components.trainer import Trainer
from dbal_tf.config import Config
from dbal_tf.store.writer import Store

# Small steps of small batches: a test takes seconds.
_VAT = Config(
    dataset="digits",
    trainer="vat",
    initial_per_class=2,
    rounds=1,
    epochs=1,
    steps="12",
    unlabelled_batch=8,
    num_samples=5,
    pool_subset=60,
    seed=3,
)


def _finish(config: Config, stop: bool = False) -> tuple[list[str], list[object]]:
    """Runs to the end, if wanted by two processes' worth of runs."""
    dataset = load(config)
    if stop:
        with loop.Run.open(config, dataset) as run:
            query = run.ask()
            run.tell(Labels(query.ids, dataset.hidden.select(query.ids).classes))
    curve = loop.run(config, dataset, lambda _: None)
    with Store(pathlib.Path(config.run_dir)) as store:
        ids = store.reader.labels().ids.tolist()
    return ids, [point.evaluation for point in curve]


@pytest.mark.usefixtures("no_export")
def test_a_resumed_run_is_equal(tmp_path: pathlib.Path) -> None:
    whole = _finish(_VAT.replace(run_dir=str(tmp_path / "whole")))
    resumed = _finish(_VAT.replace(run_dir=str(tmp_path / "resumed")), stop=True)
    assert resumed == whole
    assert len(whole[1]) == 2


def _small(image_shape: tuple[int, int, int], num_classes: int, seed: int) -> keras.Model:
    """A network that takes milliseconds a step."""

    def glorot(offset: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=seed + offset)

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.AveragePooling2D(3),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer=glorot(0)),
            layers.Dropout(0.25, seed=seed),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer=glorot(1)),
            layers.Dropout(0.5, seed=seed),
            layers.Dense(num_classes, activation="softmax", kernel_initializer=glorot(2)),
        ]
    )


def test_unlabelled_images_help_at_20_labels() -> None:
    errors: dict[str, list[float]] = {"vat": [], "supervised": []}
    config = _VAT.replace(steps="300", unlabelled_batch=64, vat_epsilon=8.0)
    dataset = load(config)
    labels = dataset.hidden.select(dataset.splits.initial_ids)
    for name, found in errors.items():
        trainer = Trainer.from_config(config.replace(trainer=name), _small)
        fitter = trainer.fitter(dataset)
        for seed in (0, 1):
            network = trainer.run(fitter, dataset, labels, 0.1, seed).network
            probs = np.asarray(network(dataset.test.images, training=False))
            found.append((probs.argmax(axis=1) != dataset.test_labels.classes).mean())
    # 26 % against 30 %.
    assert np.mean(errors["vat"]) < np.mean(errors["supervised"]) - 0.02, errors
