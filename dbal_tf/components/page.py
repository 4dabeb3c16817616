"""The page where a person labels, in a separate process."""

import contextlib
import dataclasses
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import ClassVar, Self

from dbal_tf.artifacts import Labels, Query
from dbal_tf.config import Config
from dbal_tf.core import InputError, Say

_LOOK_EVERY = 0.2  # seconds between two looks at the answers
_SHOW_END = 3.0  # seconds for which the page shows that the run has ended
_CANNOT_SERVE = 2  # the exit status of a page whose flags cannot be used


@dataclasses.dataclass(frozen=True)
class PageOracle:
    """A person who answers on a page in the browser.

    The page writes the answers to the run's store itself, and can be stopped and
    started at any time; see `python -m dbal_tf.label`, and the flags of the same names.
    """

    annotator: ClassVar[str] = "person"

    run_dir: str
    port: int = 0
    show_predictions: str = "after"
    expose: bool = False
    _is_refused: threading.Event = dataclasses.field(
        default_factory=threading.Event, init=False, repr=False, compare=False
    )

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the oracle from the settings."""
        return cls(config.run_dir, config.port, config.show_predictions, config.expose)

    def check(self) -> None:
        """Does nothing: a person can answer any query."""

    def told(self) -> None:
        """Does nothing: the page writes the answers to the store itself."""

    @contextlib.contextmanager
    def attend(self, say: Say) -> Iterator[None]:
        """Serves the page for as long as the context lasts."""
        command = ["-m", "dbal_tf.label", self.run_dir]
        options = [f"--port={self.port}", f"--show_predictions={self.show_predictions}"]
        options += ["--expose"] * self.expose
        process = subprocess.Popen([sys.executable, *command, *options])
        is_over = threading.Event()

        def tell_of_its_end() -> None:
            if process.wait() == _CANNOT_SERVE:
                self._is_refused.set()
            elif not is_over.is_set():
                again = shlex.join([*command, *options])
                say(f"The page is no longer served. To serve it again:\n  python {again}")

        threading.Thread(target=tell_of_its_end, daemon=True).start()
        try:
            yield
            # The page polls every second: this gives it time to show that the run has ended.
            time.sleep(_SHOW_END)
        finally:
            is_over.set()
            process.terminate()
            process.wait()

    def run(self, query: Query) -> Labels:
        """Waits a moment and returns no labels: the page writes the answers to the store.

        Raises:
            InputError: The page could not be served, so that nobody can answer.
        """
        del query
        if self._is_refused.is_set():
            raise InputError(
                "The page could not be served, for the reason that it gave above; fix that, "
                "or use another --oracle."
            )
        time.sleep(_LOOK_EVERY)
        return Labels.from_answers({})
