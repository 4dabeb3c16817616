"""Long fits that can be stopped and resumed: checkpoints, progress and stored stages."""

import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from dbal_tf.core import Say
from dbal_tf.reporting.tables import duration
from dbal_tf.runtime.interrupts import finish_first
from dbal_tf.store.files import npz, write_atomically

Log = Callable[[str, Mapping[str, float], int], Any]


class Session:
    """A session that runs the parts of one fit and resumes each where it was stopped.

    A part must depend only on its arguments, the seed and the step's index (random
    numbers by `tf.random.stateless_*`, never from a running stream). A resumed fit
    then has the same result as an uninterrupted one.

    Args:
        folder: Folder for checkpoints and stages; None: they are not stored, and a
            stopped fit starts again from the beginning.
        say: Called with each line for the user.
        log: Called with a part's name, its measures and the step; for TensorBoard.
        every: Seconds between two checkpoints, and between two lines.

    Attributes:
        chosen: Hyper-parameters that the fit chose by the validation images, by name.
    """

    def __init__(
        self,
        folder: pathlib.Path | None = None,
        say: Say = lambda line: None,
        log: Log = lambda name, measures, step: None,
        every: float = 120.0,
    ) -> None:
        self._folder, self._say, self._log, self._every = folder, say, log, every
        self.chosen: dict[str, float] = {}

    def say(self, line: str) -> None:
        """Shows a line to the user."""
        self._say(line)

    def choose(self, **values: float) -> None:
        """Adds hyper-parameters that the fit chose by the validation images to `chosen`."""
        # Not stored in the folder, because a resumed fit makes the same choice again.
        self.chosen |= values

    def train(
        self,
        name: str,
        steps: int,
        run: Callable[[int, int], Mapping[str, Any]],
        state: Mapping[str, Any],
        chunk: int = 500,
    ) -> None:
        """Runs those of the training steps 0 to `steps` - 1 that are not done yet.

        Args:
            name: Name of the part, and of the folder of its checkpoints.
            steps: Total number of steps.
            run: `run(first, last)` runs the steps `first` to `last` - 1, in a
                compiled loop, and returns measures to show, such as the loss.
            state: What training changes: models, optimizers, variables, by name.
            chunk: Steps per call of `run`; checkpoints and lines come between calls.

        Raises:
            ArithmeticError: A measure is not finite. The checkpoint is an earlier one.
        """
        # In the same checkpoint as the weights, so that the two always agree.
        done = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(done=done, **state)
        manager = None
        if self._folder is not None:
            folder = self._folder / name
            # An older checkpoint is never needed.
            manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
            manager.restore_or_initialize()
        first, start, shown = int(done.numpy()), time.monotonic(), time.monotonic()
        while int(done.numpy()) < steps:
            now = int(done.numpy())
            last = min(now + chunk, steps)
            measures = {key: float(value) for key, value in run(now, last).items()}
            done.assign(last)
            if not all(np.isfinite(value) for value in measures.values()):
                raise ArithmeticError(
                    f"{name}: {measures} at step {last}; a loss is not finite."
                )
            self._log(name, measures, last)
            if time.monotonic() - shown >= self._every or last == steps:
                shown = time.monotonic()
                left = (shown - start) / (last - first) * (steps - last)
                said = ", ".join(f"{key} {value:.4g}" for key, value in measures.items())
                self._say(f"{name}: {last} of {steps} steps, {said}, {duration(left)} left")
                if manager is not None:
                    # A signal waits until the checkpoint is complete.
                    with finish_first():
                        manager.save(checkpoint_number=last)

    def stage(
        self, name: str, compute: Callable[[], dict[str, np.ndarray]]
    ) -> dict[str, np.ndarray]:
        """Returns arrays that take long to compute; reads them from the folder if stored."""
        path = None if self._folder is None else self._folder / f"{name}.npz"
        if path is not None and path.is_file():
            with np.load(path, allow_pickle=False) as kept:
                return dict(kept)
        start = time.monotonic()
        arrays = compute()
        self._say(f"{name}: {duration(time.monotonic() - start)}")
        if path is not None:
            # Atomically: an incomplete file would look like a finished stage.
            write_atomically(path, npz(arrays))
        return arrays
