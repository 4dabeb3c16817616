"""Checks that a resumed run has the settings, data and labels that it began with."""

import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Query
from dbal_tf.config import Config
from dbal_tf.config.flagfile import differing_flags
from dbal_tf.core import InputError, Oracle
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import FLAGS_FILE
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import LABELLED, RunRecord, ids_digest
from dbal_tf.store.writer import Store


def begin_or_resume(
    store: Store,
    config: Config,
    dataset: Dataset,
    oracle: Oracle,
    versions: dict[str, str],
    say: Callable[[str], Any],
    query: Query | None = None,
    held_out: Labels | None = None,
) -> None:
    """Begins a run in its store, or checks that the run there can be resumed.

    Also writes the flagfile, unless the store holds more rounds than the settings
    ask for: such a run is only reported, and keeps its flags.

    Args:
        store: The store of the run.
        config: The settings.
        dataset: The data, split.
        oracle: Labels the initial set.
        versions: Versions of code and libraries; see `changed_since`.
        say: Called with a sentence about each change that may alter the results.
        query: What a person labels before the first model; None: nothing.
        held_out: Known test and validation labels; see `Store.start`.

    Raises:
        InputError: Settings, data or labels differ from those of the run.
    """
    flags, ids = config.to_flags(), dataset.splits.initial_ids
    initial = oracle.run(Query(ids, np.zeros(len(ids))))
    record = RunRecord(flags, dataset.checksum, versions, dataset.class_names)
    splits = dataset.ids_by_use()
    store.start(record, initial, oracle.annotator, splits, query, held_out)
    check_continuity(store.reader, config, dataset, oracle)
    for notice in changed_since(store.reader, versions):
        say(notice)
    if len(store.reader.curve()) <= config.rounds + 1:
        write_atomically(pathlib.Path(config.run_dir, FLAGS_FILE), flags)


def check_continuity(
    reader: RunReader, config: Config, dataset: Dataset, oracle: Oracle
) -> None:
    """Checks settings, classes, splits and labels against the store.

    Args:
        reader: Reads the store of the run.
        config: The settings to resume with.
        dataset: The data to resume with.
        oracle: Labelled the initial set; it must still give the same answers.
            Those of other annotators are not compared.

    Raises:
        InputError: Settings, data or labels differ from those of the run.
    """
    run, folder = reader.run(), config.run_dir
    if differing := differing_flags(config, run.flags):
        raise InputError(
            f"The store in --run_dir={folder} began with other flags: {', '.join(differing)}; "
            "give it the same flags or choose another folder."
        )
    if run.class_names and run.class_names != tuple(dataset.class_names):
        raise InputError(
            f"The classes are {', '.join(dataset.class_names)}, the run in {folder} began with "
            f"{', '.join(run.class_names)}; give it the same data or choose another --run_dir."
        )
    # Digests, not seeds: another version of NumPy may split differently with the same seed.
    kept = reader.splits()
    for name, ids in dataset.ids_by_use().items():
        if kept and (name not in kept or kept[name].sha256 != ids_digest(ids)):
            raise InputError(
                f"The {name} images differ from those that the run in {folder} began with; "
                "go on with the data, the --groups_csv and the version of numpy that it began "
                "with, or choose another --run_dir."
            )
    _check_labels(reader, config, oracle)


def _check_labels(reader: RunReader, config: Config, oracle: Oracle) -> None:
    # Only this oracle can be asked again; a person's answers are known from the store alone.
    given = [
        answer
        for answer in reader.answers()
        if answer.annotator == oracle.annotator and answer.state == LABELLED
    ]
    items = np.array([answer.item for answer in given], np.str_)
    today = oracle.run(Query(items, np.zeros(len(items)))).classes.tolist()
    changed = [one.item for one, label in zip(given, today, strict=True) if one.label != label]
    if changed:
        raise InputError(
            f"{len(changed)} of the {len(given)} labels of the run in {config.run_dir} "
            f"have changed, first that of {changed[0]}; give it the same data or choose "
            "another --run_dir."
        )


def changed_since(reader: RunReader, versions: Mapping[str, str]) -> Iterator[str]:
    """Yields a sentence about each change that may alter the results of a resumed run.

    Such a change is not an error: each round records the versions that produced it.

    Args:
        reader: Reads the store of the run.
        versions: The current versions of code and libraries, the number of
            `replicas`, and the `model` if it is not from this package.
    """
    began = reader.run().versions
    devices = began.get("replicas"), versions.get("replicas")
    if None not in devices and devices[0] != devices[1]:
        yield (
            f"Devices when the run began: {devices[0]}, now: {devices[1]}. Dropout masks "
            "and rounding differ, so the run may buy other images than it would have."
        )
    if began.get("model") != versions.get("model"):
        yield (
            "The file that defines the model, or its weights, changed since the run began. If "
            "the network has changed with it, the rounds from here on use the new one."
        )
