#!/usr/bin/env python3
"""Kills the labelling page or the trainer while a person labels; looks for lost answers.

    python tools/page_chaos.py --kills=100 --seed=0

A script that knows the classes labels a run on a folder of digits over HTTP. At
random moments the page or the trainer is killed (SIGKILL) and started again: the
trainer with the same command, the page with the command that the trainer prints. In
the end the store must have each answer that the page acknowledged, exactly once, and
none that was not sent. A committed query must never change, and the run must pass the
audit. Ends with status 1 otherwise.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

import demo_folder
import numpy as np
from chaos import audit_failures, become, warm_up
from person import Person

from dbal_tf.datasets import digits
from dbal_tf.store.layout import LOCK_FILE, PAGE_LOCK_FILE, STATE_FILE
from dbal_tf.store.reader import RunReader

_STATES = ("starting", "training", "asking", "done")
_FLAGS = (
    *("--dataset=image_folder", "--class_names=0,1,2,3,4,5,6,7,8,9", "--oracle=web"),
    *("--epochs=2", "--num_samples=3", "--acquisition_size=5"),
    *("--validation_size=0", "--weight_decay=2.5", "--export_every=0", "--initial_per_class=1"),
)


class Over(Exception):
    """The run has finished."""


class Service:
    """The trainer and the page of a run, each in a separate process.

    Args:
        folder: For the run (`run`) and the output of the processes (`log`).
        flags: The run's flags.
        warm: Whether to fork the trainer from this process, which has imported TensorFlow.
    """

    def __init__(self, folder: pathlib.Path, flags: list[str], warm: bool) -> None:
        self.run_dir, self.log = folder / "run", folder / "log"
        self._command = [sys.executable, "-m", "dbal_tf.main", *flags]
        self._command.append(f"--run_dir={self.run_dir}")
        self._warm, self._advised = warm, 0
        self._page: subprocess.Popen | None = None
        self.trainer = self._start_trainer()

    def _start_trainer(self) -> int:
        pid = os.fork()
        if not pid:
            out = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            become(self._command, self._warm)
        return pid

    def mend(self) -> None:
        """Restarts whatever was killed.

        Raises:
            Over: The trainer has finished.
        """
        pid, status = os.waitpid(self.trainer, os.WNOHANG)
        if pid:
            if (code := os.waitstatus_to_exitcode(status)) != -signal.SIGKILL:
                self.trainer, last = 0, self.log.read_text().splitlines()[-5:]
                if code:
                    sys.exit("\n".join([f"The trainer ended with status {code}:", *last]))
                raise Over
            self.trainer = self._start_trainer()
        advice = re.findall(r"To serve it again:\n  python (.+)", self.log.read_text())
        if len(advice) > self._advised:
            self._serve(advice[-1])
            self._advised = len(advice)
        # The trainer does not report the end of a page that this process started.
        elif self._page and self._page.poll() is not None:
            self._serve(advice[-1])

    def _serve(self, arguments: str) -> None:
        with self.log.open("a") as log:
            command = [sys.executable, *shlex.split(arguments)]
            self._page = subprocess.Popen(command, stdout=log, stderr=log)

    def holder(self, name: str) -> int | None:
        """Returns the id of the process that holds the lock on a file of the run, if any."""
        with contextlib.suppress(FileNotFoundError):
            inode = (self.run_dir / name).stat().st_ino
            for line in pathlib.Path("/proc/locks").read_text().splitlines():
                found = re.search(r"FLOCK +ADVISORY +WRITE +(\d+) \S+:(\d+) ", line)
                if found and int(found[2]) == inode:
                    return int(found[1])
        return None

    def state(self) -> str:
        """Returns what the trainer is doing."""
        if self.holder(LOCK_FILE) != self.trainer:
            return "starting"
        with contextlib.suppress(OSError):
            return str(json.loads((self.run_dir / STATE_FILE).read_text())["state"])
        return "starting"

    def address(self) -> tuple[str, str]:
        """Returns the address and the token that were printed last, empty if none were."""
        with contextlib.suppress(FileNotFoundError):
            if found := re.findall(r"Label at (\S+)/#token=(\S+)", self.log.read_text()):
                return found[-1]
        return "", ""

    def end(self) -> int:
        """Stops the trainer, then the page; returns the trainer's status."""
        status = 0
        if self.trainer:
            os.kill(self.trainer, signal.SIGTERM)
            status = os.waitstatus_to_exitcode(os.waitpid(self.trainer, 0)[1])
        # The page keeps running after its trainer was killed.
        while (page := self.holder(PAGE_LOCK_FILE)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(page, signal.SIGTERM)
            time.sleep(0.1)
            if self._page:
                self._page.poll()
        return status


@dataclasses.dataclass
class Killer:
    """Kills processes, and records the committed queries to see whether they change.

    Attributes:
        hits: Number of kills, by what was killed and what the trainer was doing.
        midway: Number of kills while an answer was being sent, by what was killed.
        queries: The rows of each round's query when they were first seen.
        changed: The rounds whose query differed later.
    """

    service: Service
    person: Person
    hits: Counter = dataclasses.field(default_factory=Counter)
    midway: Counter = dataclasses.field(default_factory=Counter)
    queries: dict[int, list[tuple]] = dataclasses.field(default_factory=dict)
    changed: set[int] = dataclasses.field(default_factory=set)

    def kill(self, target: str, lag: float | None) -> None:
        """Kills the trainer or the page.

        Args:
            target: `trainer` or `page`.
            lag: Seconds to wait after an answer is sent; None: kill at once.
        """
        service = self.service
        self.look()
        if not service.trainer:  # It has ended, and pid 0 would kill this process's group.
            return
        state, pid = service.state(), service.trainer
        if target == "page":
            while (pid := service.holder(PAGE_LOCK_FILE)) is None:
                if not service.trainer:
                    return
                time.sleep(0.01)
        if lag is not None:
            until = time.monotonic() + 2
            while not self.person.is_sending and time.monotonic() < until:
                time.sleep(0.0005)
            time.sleep(lag)
        is_midway = self.person.is_sending
        os.kill(pid, signal.SIGKILL)
        self.hits[target, state] += 1
        self.midway[target] += is_midway

    def look(self) -> None:
        """Compares the queries of all committed rounds with how they were first seen."""
        path = self.service.run_dir / "metadata.db"
        if not path.exists():
            return
        uri = f"{path.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=20)) as database:
            rows = database.execute("SELECT * FROM queries ORDER BY round, rank").fetchall()
        found: dict[int, list[tuple]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row)
        self.changed |= {r for r, query in self.queries.items() if found.get(r) != query}
        self.queries = found | self.queries


def disturb(
    service: Service, person: Person, killer: Killer, options: argparse.Namespace
) -> None:
    """Kills the page and the trainer while the person works."""
    rng = random.Random(options.seed)
    until = time.monotonic() + 60 * options.minutes
    trainer, goal = service.trainer, 1
    while killer.hits.total() < options.kills and time.monotonic() < until:
        if service.trainer != trainer:
            # Two of three trainers may first commit a round, or none would be committed.
            trainer, goal = service.trainer, len(killer.queries) + rng.choice((0, 1, 1))
        target = rng.choice(("trainer", "page"))
        if len(killer.queries) < goal:
            target = "page"
        delay = rng.choice((0.5, 2.0, 6.0)) * rng.random()
        lag = rng.choice((None, 0.02 * rng.random()))
        timer = threading.Timer(delay, killer.kill, [target, lag])
        timer.start()
        try:
            while timer.is_alive():
                person.work()
                time.sleep(rng.random() * 0.6)
        finally:
            timer.join()
        service.mend()
        killer.look()
    rounds = len(killer.queries)
    while len(killer.queries) < rounds + 2:
        person.work()
        service.mend()
        killer.look()


def problems(service: Service, person: Person, killer: Killer) -> list[str]:
    """Returns lost, duplicate and foreign answers, changed queries and audit failures."""
    reader = RunReader.open(service.run_dir)
    rows = Counter((row.item, row.label) for row in _of_persons(reader))
    lost = [item for item in person.saved.items() if item not in rows]
    double = [row for row, count in rows.items() if count > 1]
    foreign = [row for row in rows if row not in person.sent.items()]
    found = [
        f"{len(items)} answers {what}, such as {items[0]}"
        for what, items in (("lost", lost), ("twice", double), ("not sent", foreign))
        if items
    ]
    found += [f"the query of round {index} changed" for index in sorted(killer.changed)]
    return [*found, *audit_failures(service.run_dir)]


def _of_persons(reader: RunReader) -> list:
    return [row for row in reader.answers_after(0) if row.annotator != "dataset"]


def report(person: Person, killer: Killer, rows: int, found: list[str], seconds: float) -> int:
    """Prints the kills, the answers and all problems; returns the exit status."""
    print(
        f"{'killed':<10}" + "".join(f"{s:>10}" for s in _STATES) + f"{'answer on its way':>20}"
    )
    for target in ("trainer", "page"):
        hits = "".join(f"{killer.hits[target, state]:10d}" for state in _STATES)
        print(f"{target:<10}{hits}{killer.midway[target]:20d}")
    print(f"answered as {', '.join(f'{use}: {n}' for use, n in person.uses.items())}")
    for problem in found:
        print(problem)
    print(
        f"{killer.hits.total()} kills; {len(person.saved)} answers acknowledged, "
        f"{person.repeated} of them sent more than once, {rows} in the store; "
        f"{len(killer.queries)} queries, {len(killer.changed)} changed; "
        f"{len(found)} problems; {seconds:.0f} s"
    )
    return bool(found)


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60, help="stop after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=1200, help="in the folder")
    parser.add_argument("--warm", action="store_true", help="import TensorFlow once for all")
    options = parser.parse_args()
    start = time.perf_counter()
    if options.warm:
        warm_up()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder  # A killed process leaves its files.
        images = pathlib.Path(folder, "images")
        demo_folder.write(images, options.images, labelled=False)
        # The person also answers the reserve, so the pool lasts for about this many rounds.
        rounds = options.images // 12
        flags = [*_FLAGS, f"--data_dir={images}", f"--rounds={rounds}"]
        flags.append(f"--seed={options.seed}")
        service = Service(pathlib.Path(folder), flags, options.warm)
        person = Person(service.address, service.mend, truth(options.images))
        killer = Killer(service, person)
        try:
            with contextlib.suppress(Over):
                person.work()
                disturb(service, person, killer, options)
        finally:
            status = service.end()
        found = problems(service, person, killer)
        if status not in (0, 128 + signal.SIGTERM):
            found.append(f"the trainer ended with status {status}")
        rows = len(_of_persons(RunReader.open(service.run_dir)))
    sys.exit(report(person, killer, rows, found, time.perf_counter() - start))


def truth(count: int) -> dict[str, int]:
    """Returns the classes of the images that `demo_folder.write` writes, by their ids."""
    classes = digits.load("").train_classes
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(classes))[:count]
    return {f"{number:04d}.png": int(classes[row]) for number, row in enumerate(order)}


if __name__ == "__main__":
    main()
