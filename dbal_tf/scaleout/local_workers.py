"""Worker processes on this machine, watched.

A cluster gives a lost worker's bundle to another one. Beam's local runner ends the
pipeline with an error, or waits for the lost one for ever. So a pipeline with local
workers runs in a process of its own, which ends when one of them does, and is started
again. It has written nothing then: files get their names at the end.
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
# What Beam says of a worker process that has ended.
_LOST = ("Worker subprocess exited", "Channel closed prematurely")


def run(job: Any, arguments: Sequence[str]) -> None:
    """Runs the pipeline, again if local workers are lost.

    Args:
        job: The `pipeline.Job`.
        arguments: Beam's flags.

    Raises:
        InputError: Workers are lost in each of `ATTEMPTS`, or the pipeline fails in its
            process, which has said why.
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
        "a worker was lost in each attempt, perhaps for want of memory; use fewer "
        f"(--direct_num_workers) or less than --batch_size={job.batch_size}."
    )


def _pipeline(job: Any, arguments: Sequence[str]) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from dbal_tf.scaleout.pipeline import build

    with beam.Pipeline(options=PipelineOptions(list(arguments))) as steps:
        build(steps, job)


def _attempt(job: Any, arguments: Sequence[str]) -> int:
    """Returns the status of the process, -SIGKILL if a worker was lost."""
    command = [sys.executable, "-m", __name__, json.dumps(dataclasses.asdict(job)), *arguments]
    # Nothing is written to the standard input: it closes when this process ends.
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
    """Keeps Beam's warnings back, which do not concern who runs a program of this room."""
    python_logging.getLogger().setLevel(python_logging.ERROR)
    # What this package says goes on being shown.
    python_logging.getLogger("absl").setLevel(python_logging.WARNING)


def main(arguments: Sequence[str]) -> None:
    """Runs a job, as JSON the first argument, for as long as standard input is open."""
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
        # The caller's flags come later, and count.
        _pipeline(Job(**facts), [_QUIETLY, *arguments[1:]])
    except RuntimeError as error:
        if any(text in str(error) for text in _LOST):
            _end()
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
