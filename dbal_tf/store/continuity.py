"""Whether a run goes on with what it began with: the store says what that was."""

from collections.abc import Callable

import numpy as np

from dbal_tf.artifacts import Dataset, Labels
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.store.reader import RunReader, ids_digest


def check_continuity(
    records: RunReader,
    config: Config,
    dataset: Dataset,
    ask: Callable[[np.ndarray], Labels],
) -> None:
    """Checks settings, classes, splits and labels against those of the store.

    Args:
        records: The run's.
        config: The settings to go on with.
        dataset: The data to go on with.
        ask: Gives the labels that ids have today.

    Raises:
        InputError: Something is not what the run began with.
    """
    run, folder = records.run(), config.run_dir
    if differing := config.differing(run.flags):
        raise InputError(
            f"The store in --run_dir={folder} began with other flags: {', '.join(differing)}; "
            "give it the same flags or choose another folder."
        )
    if run.class_names and run.class_names != tuple(dataset.class_names):
        raise InputError(
            f"The classes are {', '.join(dataset.class_names)}, the run in {folder} began with "
            f"{', '.join(run.class_names)}; give it the same data or choose another --run_dir."
        )
    kept = records.splits()
    for name, ids in dataset.ids_by_use().items():
        if kept and (name not in kept or kept[name].sha256 != ids_digest(ids)):
            raise InputError(
                f"The {name} images are others than those that the run in {folder} began with; "
                "go on with the data and the version of numpy that it began with, or choose "
                "another --run_dir."
            )
    labels = records.labels()
    if changed := np.flatnonzero(labels.classes != ask(labels.ids).classes).tolist():
        raise InputError(
            f"{len(changed)} of the {len(labels)} labels of the run in {folder} are others "
            f"today, the first of {labels.ids[changed[0]]}; give it the same data or choose "
            "another --run_dir."
        )


def other_devices(records: RunReader, replicas: int) -> str:
    """Returns a sentence if a run goes on with more or fewer devices; else nothing.

    Sums are then rounded otherwise, so what is bought may be other than what
    would have been. Each round keeps the number of its `replicas`.
    """
    began = records.run().versions.get("replicas", str(replicas))
    if began == str(replicas):
        return ""
    return (
        f"Devices when the run began: {began}, now: {replicas}. Rounding differs, so "
        "the run may buy other images than it would have."
    )
