"""The output of a run: files, TensorBoard, and lines for the user."""

import datetime
import json
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from absl import logging

from dbal_tf.artifacts import CurvePoint, Dataset, Labels, Query, Scores
from dbal_tf.components.trainer import expected_steps
from dbal_tf.config import Config
from dbal_tf.core import Say
from dbal_tf.reporting import tables
from dbal_tf.reporting.tensorboard import TensorBoardLog
from dbal_tf.store import csv_files, layout
from dbal_tf.store.files import npz, write_atomically
from dbal_tf.store.rows import LABELLED
from dbal_tf.store.writer import Store


class Reporter:
    """Shows the contents of a run's store; a context manager.

    If its files are lost, they are written again from the store, except TensorBoard's
    events, which are append-only.

    Args:
        config: The settings.
        dataset: Holds the images.
        store: The store of the run.
        say: Called with each line for the user.
    """

    def __init__(self, config: Config, dataset: Dataset, store: Store, say: Say) -> None:
        self._config, self._dataset, self._store = config, dataset, store
        self.say = say
        self._folder = pathlib.Path(config.run_dir)
        self._has_header = False
        self._log = TensorBoardLog(self._folder / layout.TENSORBOARD_DIR)

    def __enter__(self) -> Self:
        self._log.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._log.__exit__(*exception)

    def show_run(self, made_by: Mapping[str, str]) -> None:
        """Writes the settings and lineage to TensorBoard, and the curve so far."""
        labels = str(len(self._store.reader.labels()))
        lineage = {"data": self._dataset.checksum, "labels": labels, **made_by}
        self._log.write_run(self._config, lineage)
        self.write_curve()
        self._show_findings()

    def _show_findings(self) -> None:
        found = self._dataset.findings
        for note in found.notes:
            self.say(note)
        if found.unreadable:
            path = self._folder / layout.UNREADABLE_FILE
            write_atomically(path, csv_files.unreadable_csv(found.unreadable))
            self.say(
                f"{len(found.unreadable)} of {found.files} images cannot be read and are set "
                f"aside; see {path}"
            )
        if found.near_copies:
            path = self._folder / layout.NEAR_COPIES_FILE
            write_atomically(path, csv_files.near_copies_csv(found.near_copies))
            self.say(
                f"{sum(map(len, found.near_copies))} images are near copies of each other, in "
                f"{len(found.near_copies)} groups that no split divides; see {path}"
            )
            labels = [{label for _, label in group if label} for group in found.near_copies]
            if several := sum(len(one) > 1 for one in labels):
                self.say(
                    f"{several} of these groups have images of several classes, so some of "
                    f"their labels may be wrong; see {path}"
                )

    def write_curve(self) -> None:
        """Writes `curve.csv`."""
        text = csv_files.curve_csv(self._store.reader.curve())
        write_atomically(self._folder / layout.CURVE_FILE, text)

    def show_point(self, point: CurvePoint, scores: Scores | None) -> None:
        """Shows the evaluation of a round's model, before the round is committed."""
        # Before the commit: after a kill in between, a point is shown twice, not never.
        logging.debug("phase: report")
        self._log.write_point(point, scores)

    def keep_scores(self, scores: Scores, index: int) -> dict[str, str]:
        """Writes a round's scores with --keep_scores; returns the file by its kind."""
        if not self._config.keep_scores:
            return {}
        uri, arrays = layout.scores_file(index), {"ids": scores.ids, "values": scores.values}
        write_atomically(self._folder / uri, npz(arrays, compressed=True))
        return {"scores": uri}

    def keep_provenance(self, index: int) -> dict[str, str]:
        """Keeps how a round was scored by --scorer=beam; returns the file by its kind."""
        source = self._folder / layout.SCALEOUT_DIR / layout.PROVENANCE_FILE
        uri = layout.scaleout_file(index)
        write_atomically(self._folder / uri, source.read_bytes())
        return {"scaleout": uri}

    def show_state(self, state: str, index: int) -> None:
        """Writes what the run is doing, for the page where a person labels.

        Args:
            state: `training`, `asking` or `done`.
            index: The round.
        """
        if self._config.oracle == "dataset":
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        text = json.dumps({"state": state, "round": index, "time": now})
        write_atomically(self._folder / layout.STATE_FILE, text)

    def show_header(self) -> None:
        """Shows the header of the rounds' lines, once in each process."""
        if not self._has_header:
            self._has_header = True
            self.say(tables.progress_header())

    def show_end(self, index: int) -> None:
        """Shows a round that has all its answers: writes its `query.csv`.

        Does nothing if the store has that file among its artifacts.
        """
        reader, uri = self._store.reader, layout.query_file(index)
        if any(row.round == index and row.uri == uri for row in reader.artifacts()):
            return
        logging.debug("phase: report")
        point = reader.curve()[index]
        rows = [row for row in reader.label_rows() if row.round == index]
        if rows:
            names = self._dataset.class_names
            write_atomically(self._folder / uri, csv_files.query_csv(rows, names))
            bought = [row for row in rows if row.state == LABELLED]
            query = Query(
                np.array([row.item for row in bought], np.str_),
                np.array([row.score for row in bought], np.float64),
            )
            labels = Labels(query.ids, np.array([row.label for row in bought], np.int64))
            images = self._dataset.train.select(query.ids)
            self._log.write_query(point, query, labels, images, names)
            # Recorded last: if the run is killed before, the round is shown again.
            self._store.add_artifact(index, "query", uri)
        self.show_header()
        self.say(tables.progress_line(point, self._config.rounds, self._seconds_left(point)))

    def _seconds_left(self, point: CurvePoint) -> float:
        """Estimates the time left: rounds like the last one, but with more training steps."""
        rounds = self._config.rounds - point.round
        labels = point.labels + (rounds + 1) / 2 * self._config.acquisition_size
        now, later = (expected_steps(self._config, n) for n in (point.labels, labels))
        growth = point.seconds["train"] * (later / now - 1)
        return rounds * (sum(point.seconds.values()) + growth)
