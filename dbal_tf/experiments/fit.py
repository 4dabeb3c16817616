"""One fit of a semi-supervised system, in its own folder."""

import contextlib
import dataclasses
import datetime
import json
import pathlib
import shutil
import time
from typing import Any

from dbal_tf.baselines.semi_supervised import system
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import System
from dbal_tf.config import Config
from dbal_tf.core import InputError, Say
from dbal_tf.experiments.fit_result import FitResult, read_result
from dbal_tf.experiments.labelled_sets import LabelledSet
from dbal_tf.reporting.tables import duration
from dbal_tf.reporting.tensorboard import TensorBoardLog
from dbal_tf.runtime.interrupts import finish_first
from dbal_tf.runtime.provenance import versions
from dbal_tf.seeds import seed_for
from dbal_tf.store import layout, lock
from dbal_tf.store.files import write_atomically
from dbal_tf.store.rows import labels_digest
from dbal_tf.store.run_dir import check_run_dir

VARIED = ("acquisition", "repetition", "repetitions")
"""Settings that may differ between two commands for the same folder."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """One fit: a system and a repetition.

    Attributes:
        system: The system's name.
        path: Its folder, relative to the experiment's, such as `vat/0`.
        config: The experiment's settings, for this repetition alone.
    """

    system: str
    path: str
    config: Config

    @property
    def folder(self) -> pathlib.Path:
        """Its folder."""
        return pathlib.Path(self.config.run_dir, self.path)

    @property
    def seed(self) -> int:
        """The seed of all randomness in the fit; the split of the data has another."""
        return seed_for(self.config.seed, self.config.repetition, 0, "semi_supervised")

    def check_folder(self) -> None:
        """Checks that the fit may begin or resume in its folder; changes nothing.

        Raises:
            InputError: It may not.
        """
        check_run_dir(self.config.replace(run_dir=str(self.folder)), free=VARIED)

    def check_given(self, given: LabelledSet) -> None:
        """Checks that a fit in its folder, begun or ended, has the same data and labels.

        Raises:
            InputError: They differ.
        """
        expected = _identity(given)
        if result := read_result(self.folder):
            self._compare(dataclasses.asdict(result), expected)
        elif begun := _read_begun(self.folder):
            self._compare(begun, expected)

    def _compare(self, found: dict[str, Any], expected: dict[str, Any]) -> None:
        differing = [name for name, value in expected.items() if found.get(name) != value]
        if differing:
            raise InputError(
                f"{self.folder} holds a fit with other {' and '.join(differing)}; give it "
                "the same data and labels, and the same version, or choose another --run_dir."
            )

    def run(self, made: System, given: LabelledSet, say: Say) -> FitResult:
        """Fits the system, resuming where it was stopped, and writes the result.

        Args:
            made: The system.
            given: What it learns from.
            say: Called with each line for the user.

        Raises:
            InputError: The folder is in use, or holds a different fit.
            ArithmeticError: A loss is not finite.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with lock.hold(self.folder):
            # Another process may have changed the folder meanwhile.
            self.check_folder()
            self.check_given(given)
            result = read_result(self.folder) or self._fit(made, given, say)
            # The result is written by now, and checkpoints are large.
            shutil.rmtree(self.folder / layout.CHECKPOINT_DIR, ignore_errors=True)
        return result

    def _fit(self, made: System, given: LabelledSet, say: Say) -> FitResult:
        # Written before the first step: a resumed fit must have the same data and labels.
        facts = self._begin(made, given)
        kept = self.folder / layout.CHECKPOINT_DIR
        watch = _Watch(kept / "seconds.json")
        parts = given.labelled(), given.unlabelled(), given.validation()
        with TensorBoardLog(self.folder / layout.TENSORBOARD_DIR) as log:
            log.write_run(self.config, {k: str(v) for k, v in facts.items()})

            def progress(line: str) -> None:
                say(f"{self.path}: {line}")
                # A session saves a checkpoint whenever it reports its progress.
                watch.save()

            session = Session(kept, progress, log.write_measures)
            predictor = made.fit(*parts, seed=self.seed, session=session)
            # Read before the errors are measured: the time of fitting alone.
            seconds = watch.seconds()
            result = FitResult(
                **facts,
                # Test images are used only now, when nothing is left to choose.
                error=system.error(predictor, given.test()),
                validation_error=system.error(predictor, parts[2]),
                seconds=seconds,
                labels=len(parts[0]),
                unlabelled=len(parts[1]),
                validation=len(parts[2]),
                ended=_now(),
                chosen=session.chosen,
            )
            log.write_measures("test", {"error": result.error}, result.labels)
        with finish_first():
            write_atomically(self.folder / layout.RESULT_FILE, result.to_json())
        error = f"{100 * result.error:.2f} % test error"
        say(f"{self.path}: {error} in {duration(seconds)}")
        return result

    def _begin(self, made: System, given: LabelledSet) -> dict[str, Any]:
        """Returns the facts of the fit; writes them if it has not begun before."""
        identity = {
            "system": self.system,
            "schedule": self.config.schedule,
            "hyper_parameters": _hyper_parameters(made),
            "seed": self.seed,
            **_identity(given),
        }
        if begun := _read_begun(self.folder):
            self._compare(begun, identity)
            return begun
        facts = {
            **identity,
            "dataset": given.dataset.name,
            "bought_by": given.bought_by,
            "versions": versions(),
            "started": _now(),
        }
        # With `only`, these flags repeat this fit alone.
        config = self.config.replace(only=(self.path,))
        write_atomically(self.folder / layout.FLAGS_FILE, config.to_flags())
        # Written last, because this file marks the fit as begun.
        write_atomically(self.folder / layout.BEGUN_FILE, json.dumps(facts, indent=1) + "\n")
        return facts


class _Watch:
    """Counts seconds over several processes, even if some were killed."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path, self._start = path, time.monotonic()
        self._before = 0.0
        # If the file is broken, only the seconds so far are lost.
        with contextlib.suppress(OSError, ValueError):
            self._before = float(json.loads(path.read_text("utf-8")))

    def seconds(self) -> float:
        return self._before + time.monotonic() - self._start

    def save(self) -> None:
        write_atomically(self._path, json.dumps(self.seconds()))


def _identity(given: LabelledSet) -> dict[str, Any]:
    return {
        "dataset_checksum": given.dataset.checksum,
        "labels_sha256": labels_digest(given.labels),
    }


def _hyper_parameters(made: System) -> dict[str, Any]:
    """Returns a system's hyper-parameters with the types of JSON: lists, not tuples."""
    return json.loads(json.dumps(vars(made), default=str))


def _read_begun(folder: pathlib.Path) -> dict[str, Any]:
    """Returns the facts that the fit in a folder began with; empty if it has not begun."""
    path = folder / layout.BEGUN_FILE
    if not path.exists():
        return {}
    try:
        begun = json.loads(path.read_text("utf-8"))
        if not isinstance(begun, dict):
            raise ValueError("it holds no names and values")
        return begun
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({str(error).splitlines()[0].rstrip('.')}); put it back "
            f"from a copy, or remove {folder} to fit again."
        ) from error


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(" ", timespec="seconds")
