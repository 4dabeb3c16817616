"""A run's TensorBoard log: `tensorboard --logdir <run_dir>/tensorboard` shows it."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2, summary

from dbal_tf.artifacts import CurvePoint, Examples, Labels, Query, Scores
from dbal_tf.config import Config
from dbal_tf.reporting.picks import class_bars, picked_images
from dbal_tf.reporting.reliability import reliability_diagram

_MEASURES = (
    "error",
    "nll",
    "brier",
    "ece",
    "auc",
    "sensitivity",
    "deterministic_error",
    "graph_error",
    "graph_mass_error",
)
_MOST_IMAGES = 100
_PER_ROW = 5  # TensorBoard shows pictures 320 pixels wide.


class TensorBoardLog:
    """Writes the rounds of a run as TensorBoard events; a context manager.

    The step is the number of labels that the round's model was trained on, so
    runs of different query sizes can be compared. A resumed run adds an event
    file to the same folder.

        with TensorBoardLog(run_dir / "tensorboard") as log:
            log.write_run(config, {"data": dataset.checksum, **versions()})
            log.write_point(point, scores)
            log.write_query(point, query, labels, dataset.train, names)
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Opens an event file.

        Args:
            folder: Where the file is written; created if it does not exist.
        """
        self._writer = tf.summary.create_file_writer(str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Without an end event, HParams shows the run as unfinished: it was stopped.
        if kind is None:
            end = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
            with self._writer.as_default(step=0):
                tf.summary.experimental.write_raw_pb(end.SerializeToString())
        self._writer.close()

    def write_run(self, config: Config, lineage: Mapping[str, str]) -> None:
        """Writes the run's settings, as text and for HParams, and its lineage.

        Args:
            config: The settings. Those that identify the run are columns of
                HParams' table, which compares runs.
            lineage: What else its numbers depend on, by name: versions, data.
        """
        flags = "".join(f"    {line}\n" for line in config.to_flags().splitlines())
        rows = "".join(f"| {name} | {value} |\n" for name, value in lineage.items())
        with self._writer.as_default(step=0):
            tf.summary.text("flags", flags)
            tf.summary.text("lineage", f"| what | which |\n|---|---|\n{rows}")
            hparams.hparams(config.identity_values())

    def write_measures(self, part: str, measures: Mapping[str, float], step: int) -> None:
        """Writes measures of a training step; they are on disk on return.

        Args:
            part: What was trained; a prefix of the measures' names.
            measures: The measures, by name.
            step: The number of the step.
        """
        with self._writer.as_default(step=step):
            for name, value in measures.items():
                tf.summary.scalar(f"{part}/{name}", value)

    def write_point(self, point: CurvePoint, scores: Scores | None) -> None:
        """Writes a round's measures and scores; they are on disk on return.

        Args:
            point: The round's measures, each written as a scalar.
            scores: The scores of all scored items, written as a histogram.
        """
        with self._writer.as_default(step=point.labels):  # Flushes at its end.
            _write_scalars(point)
            if scores is not None:
                tf.summary.histogram("scores", scores.values)
            if point.evaluation.reliability:
                _write_image("reliability", reliability_diagram(point.evaluation.reliability))

    def write_query(
        self,
        point: CurvePoint,
        query: Query,
        labels: Labels,
        images: Examples,
        class_names: Sequence[str],
    ) -> None:
        """Writes what a round bought; it is on disk on return.

        Args:
            point: The round, now with the time that labelling took.
            query: What was bought.
            labels: The classes of at least the query's items, for the captions
                of the images and the counts by class.
            images: At least the query's items.
            class_names: One name per class index.
        """
        with self._writer.as_default(step=point.labels):
            if "label" in point.seconds:
                tf.summary.scalar("seconds/label", point.seconds["label"])
            if len(query):
                _write_query(query, labels, images, class_names)


def _write_scalars(point: CurvePoint) -> None:
    for name in _MEASURES:
        if (value := getattr(point.evaluation, name)) is not None:
            tf.summary.scalar(name, value)
    for phase, seconds in point.seconds.items():
        if phase != "label":  # Known only after the answers; see `write_query`.
            tf.summary.scalar(f"seconds/{phase}", seconds)


def _write_query(
    query: Query, labels: Labels, images: Examples, class_names: Sequence[str]
) -> None:
    classes = labels.select(query.ids).classes.tolist()
    names = [class_names[label] for label in classes]
    tf.summary.histogram("bought_scores", query.scores)
    tf.summary.histogram("bought_classes", classes)
    counts = {name: names.count(name) for name in class_names}
    _write_image("bought_per_class", class_bars(counts))
    shown = np.asarray(images.select(query.ids[:_MOST_IMAGES]).images)
    pairs = zip(names[:_MOST_IMAGES], query.scores[:_MOST_IMAGES], strict=True)
    captions = [f"{name}  {score:.4f}" for name, score in pairs]
    _write_image("bought", picked_images(shown, captions, _PER_ROW))


def _write_image(name: str, picture: np.ndarray) -> None:
    tf.summary.image(name, picture[np.newaxis])
