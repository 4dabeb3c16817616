"""Worker processes on this machine, restarted when one is lost.

A cluster gives a lost worker's bundle to another worker. Beam's local runner ends the
pipeline with an error, or waits for the lost worker for ever. So a pipeline with local
workers runs in a separate process, which ends when a worker does, and is started again.
Until then it has written no outputs: files get their names at the end.
"""

import dataclasses
import json
import logging as python_logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from absl import logging

from dbal_tf.core import InputError
from dbal_tf.runtime import startup

ATTEMPTS = 4  # As often as most runners try a bundle.
_PROCESSES = "multi_processing"
_QUIETLY = "--default_sdk_harness_log_level=ERROR"
# Beam's messages about a worker process that has ended.
_LOST = ("Worker subprocess exited", "Channel closed prematurely")


def run(job: Any, arguments: Sequence[str]) -> None:
    """Runs the pipeline; repeats it if local workers are lost.

    Args:
        job: The `pipeline.Job`.
        arguments: Beam's flags.

    Raises:
        InputError: A worker is lost in each of `ATTEMPTS` attempts, or the pipeline
            fails; its process has then printed why.
    """
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

    options = PipelineOptions(list(arguments))
    if options.view_as(DirectOptions).direct_running_mode != _PROCESSES:
        _pipeline(job, arguments)
        return
    for attempt in range(1, ATTEMPTS + 1):
        status = _attempt(job, arguments)
        if status == 0:
            return
        if status != -signal.SIGKILL:
            raise InputError("the pipeline failed; what it printed says why.")
        logging.warning("A worker was lost in attempt %d of %d.", attempt, ATTEMPTS)
        for left in pathlib.Path(job.output).glob("beam-temp-*"):
            shutil.rmtree(left, ignore_errors=True)
    raise InputError(
        "a worker was lost in each attempt, perhaps for lack of memory; use fewer workers, "
        "by --direct_num_workers, which a run has within --beam_options; or score with "
        f"dbal_tf.scaleout.score and a --batch_size below {job.batch_size}."
    )


def _pipeline(job: Any, arguments: Sequence[str]) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from dbal_tf.scaleout.pipeline import build

    with beam.Pipeline(options=PipelineOptions(list(arguments))) as steps:
        build(steps, job)


def _attempt(job: Any, arguments: Sequence[str]) -> int:
    """Runs the pipeline in a process; returns its status, -SIGKILL if a worker was lost."""
    command = [sys.executable, "-m", __name__, json.dumps(dataclasses.asdict(job)), *arguments]
    # Nothing is written to its standard input, which closes when this process ends.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _end() -> None:
    os.killpg(0, signal.SIGKILL)


def _end_with_parent() -> None:
    sys.stdin.read()
    _end()


def _end_with_worker(failed: threading.ExceptHookArgs) -> None:
    if any(text in str(failed.exc_value) for text in _LOST):
        _end()
    threading.__excepthook__(failed)


def quieten() -> None:
    """Hides Beam's warnings, which do not concern users of this package."""
    python_logging.getLogger().setLevel(python_logging.ERROR)
    # Messages of this package are still shown.
    python_logging.getLogger("absl").setLevel(python_logging.WARNING)


def main(arguments: Sequence[str]) -> None:
    """Runs the job in the first argument, as JSON, for as long as standard input is open."""
    quieten()
    threading.excepthook = _end_with_worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    startup.import_tensorflow()
    from dbal_tf.scaleout.pipeline import Job
    from dbal_tf.scaleout.scoring import Ranking

    facts = json.loads(arguments[0])
    facts["ranking"] = Ranking(**facts["ranking"])
    for name in ("patterns", "image_shape"):
        facts[name] = tuple(facts[name])
    try:
        # The caller's flags come later and take precedence.
        _pipeline(Job(**facts), [_QUIETLY, *arguments[1:]])
    except RuntimeError as error:
        if any(text in str(error) for text in _LOST):
            _end()
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
