"""The labels that an active learning run bought, for other systems that train on them."""

import dataclasses
import json
import pathlib
import sqlite3

import numpy as np

from dbal_tf.artifacts import Labels
from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.core import InputError
from dbal_tf.store.layout import PICKS_FILE, STORE_FILE
from dbal_tf.store.published import is_published, read_picks, read_published
from dbal_tf.store.reader import RunReader
from dbal_tf.store.recovery import damage_sentence
from dbal_tf.store.rows import LABELLED


@dataclasses.dataclass(frozen=True, eq=False)
class Bought:
    """The labels of a run, and where they come from.

    Attributes:
        labels: Those with a class, in the order in which they were asked for,
            the initial ones first.
        config: The run's settings.
        checksum: SHA-256 of its data set; empty in published results, which do
            not record it.
        class_names: One name per class; empty if not recorded.
    """

    labels: Labels
    config: Config
    checksum: str = ""
    class_names: tuple[str, ...] = ()

    @property
    def buyer(self) -> str:
        """The run, in words without a folder's name."""
        config = self.config
        return f"{config.acquisition[0]}, repetition {config.repetition}, seed {config.seed}"


def read_bought(run_dir: pathlib.Path) -> Bought:
    """Reads the labels of a run's store, or of its published results.

    Raises:
        InputError: The folder holds no run, or what it holds cannot be read.
    """
    if is_published(run_dir):
        published = [row for row in read_picks(run_dir) if row.state == LABELLED]
        ids = np.array([row.item for row in published], np.str_)
        classes = np.array([row.label for row in published], np.int64)
        config = from_flagfile(read_published(run_dir).flags)
        return Bought(Labels(ids, classes), config, "", config.classes)
    if not (run_dir / STORE_FILE).is_file():
        raise InputError(
            f"--labels_from={run_dir} holds no run; expected a folder with {STORE_FILE}, or "
            f"published results with {PICKS_FILE}; name the folder of one run, such as bald/0."
        )
    try:
        reader = RunReader.open(run_dir)
        run, labels = reader.run(), reader.labels()
    # SQLite does not notice all damage: some shows only in the JSON that it stores.
    except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
        raise InputError(damage_sentence(run_dir, error)) from error
    return Bought(labels, from_flagfile(run.flags), run.checksum, run.class_names)
