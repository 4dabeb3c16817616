"""Worker processes that are killed; the pipeline in one process is in pipeline_test."""

import contextlib
import os
import pathlib
import signal
import threading
import time

import pytest

from dbal_tf.core import InputError
from dbal_tf.scaleout import local_workers
from dbal_tf.scaleout.pipeline import QUERY, Job, read_scores
from dbal_tf.scaleout.scoring import Ranking

_TWO = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


def _workers(name: str) -> list[int]:
    """Returns the worker processes of the job of this name."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if command.startswith(b"/bin/sh") or b"sdk_worker_main" not in command:
                continue
            if name.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def _kill_one(name: str) -> None:
    while not (found := _workers(name)):
        time.sleep(0.1)
    os.kill(found[0], signal.SIGKILL)


@pytest.fixture
def job(export, images, tmp_path, shards) -> Job:
    ranking = Ranking("bald", 5, 2)
    return Job(export, (shards(4),), str(tmp_path / "out"), 20, ranking, images.shape[1:], 50)


def test_a_killed_worker_costs_time_and_nothing_else(job, tmp_path, caplog):
    alone = Job(**{**vars(job), "output": str(tmp_path / "alone")})
    local_workers.run(alone, [])
    killer = threading.Thread(target=_kill_one, args=("lost-worker",), daemon=True)
    killer.start()
    local_workers.run(job, [*_TWO, "--job_name=lost-worker"])
    assert any("A worker was lost" in text for text in caplog.messages)
    query = (tmp_path / "out" / QUERY).read_text()
    assert query == (tmp_path / "alone" / QUERY).read_text()
    scores = read_scores(tmp_path / "out")
    assert scores == pytest.approx(read_scores(tmp_path / "alone"), abs=1e-5)
    assert len(scores) == 240 and not list((tmp_path / "out").glob("beam-temp-*"))
    assert not _workers("lost-worker")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (-signal.SIGKILL, "lost in each attempt, .* a --batch_size below 50"),
        (1, "the pipeline failed; what it printed says why"),
    ],
)
def test_what_cannot_be_mended_is_one_sentence(job, monkeypatch, caplog, status, message):
    local_workers.quieten()
    statuses = iter([status] * (local_workers.ATTEMPTS if status < 0 else 1))
    monkeypatch.setattr(local_workers, "_attempt", lambda *_: next(statuses))
    with pytest.raises(InputError, match=message):
        local_workers.run(job, _TWO)
    assert next(statuses, None) is None
    lost = [text for text in caplog.messages if text.startswith("A worker was lost in attempt")]
    assert len(lost) == (local_workers.ATTEMPTS if status < 0 else 0)
