#!/usr/bin/env python3
"""Kills runs at random moments, lets them finish, and compares them with an undisturbed run.

    python tools/chaos.py --kills=100 --seed=0

Each run on digits is killed (SIGKILL) at a random moment of a random phase, both
drawn from the seed, and started again, as often as --per_run says. Then it runs to
its end. It must equal the undisturbed run in ids, labels, scores, seeds and curve,
except for seconds and versions, and it must pass the audit. Ends with status 1 if a
run fails.
"""

import argparse
import contextlib
import dataclasses
import io
import multiprocessing
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

from dbal_tf.audit import command as audit
from dbal_tf.store.reader import RunReader

# Names as in the log. Between `ask` and `tell` a query waits for its answers.
PHASES = (
    *("starting", "train", "evaluate", "score", "export", "report"),
    *("ask", "label", "tell"),
)
_FLAGS = (
    *("--dataset=digits", "--acquisition=bald", "--rounds=6", "--epochs=2", "--num_samples=5"),
    *("--pool_subset=60", "--seed=11", "--verbosity=1"),
)


class Process:
    """A run in a separate process, whose phases can be followed.

    Args:
        run_dir: The run's folder.
        warm: Whether to fork this process, which has imported TensorFlow,
            instead of starting a new Python.
    """

    def __init__(self, run_dir: pathlib.Path, warm: bool) -> None:
        command = [sys.executable, "-m", "dbal_tf.main", *_FLAGS, f"--run_dir={run_dir}"]
        reader, writer = os.pipe()
        self._lines = os.fdopen(reader)
        self.phase = "starting"
        self.log: list[str] = []
        self.pid = os.fork()
        if not self.pid:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(writer, 2)
            become(command, warm)
        os.close(writer)

    def phases(self) -> Iterator[str]:
        """Yields each phase as it begins, until the process has ended."""
        for line in self._lines:
            self.log.append(line)
            if match := re.search(r"\] phase: (\w+)$", line):
                self.phase = match[1]
                yield self.phase

    def kill(self) -> None:
        """Kills the process if it is still running."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> int:
        """Waits for the process; returns its exit status, negative for a signal."""
        for _ in self.phases():
            pass
        self._lines.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def warm_up() -> None:
    """Imports what forks of this process need to become a run."""
    from dbal_tf.runtime import startup

    startup.import_tensorflow()
    from dbal_tf.experiments import engine  # noqa: F401


def become(command: list[str], warm: bool) -> None:
    """Replaces this process by that of a command, or runs its program here if `warm`."""
    try:
        if not warm:
            os.execv(command[0], command)
        from dbal_tf import main

        sys.argv = ["dbal_tf", *command[3:]]
        main.cli()
    except SystemExit as end:
        os._exit(end.code or 0)
    finally:
        os._exit(70)


def undisturbed(run_dir: pathlib.Path, warm: bool) -> dict[str, list[float]]:
    """Does one run to its end; returns the seconds of each phase, in order."""
    process, before, seconds = Process(run_dir, warm), time.perf_counter(), {}
    phase = "starting"
    for following in [*_stamped(process), ("", None)]:
        name, now = following
        if now is not None:
            seconds.setdefault(phase, []).append(now - before)
            phase, before = name, now
    if status := process.end():
        sys.exit(f"The undisturbed run ended with {status}:\n{''.join(process.log[-5:])}")
    seconds.setdefault(phase, []).append(0.1)
    return seconds


def _stamped(process: Process) -> Iterator[tuple[str, float]]:
    for phase in process.phases():
        yield phase, time.perf_counter()


def disturb(job: tuple) -> tuple[list[str], list[str]]:
    """Kills one run again and again, then lets it finish.

    Args:
        job: The run's folder, the seed, the number of kills, the seconds of each
            phase, warm, and the folder of the undisturbed run.

    Returns:
        The phase that each kill hit, and what differs in the end.
    """
    run_dir, seed, kills, seconds, warm, other = job
    rng = random.Random(seed)
    hit = []
    while len(hit) < kills:
        target = PHASES[rng.randrange(len(PHASES))]
        skipped = rng.randrange(len(seconds[target])) if not hit else 0
        process = Process(run_dir, warm)
        if _wait_for(process, target, skipped):
            time.sleep(rng.random() * seconds[target][skipped])
            process.kill()
        if process.end() == -signal.SIGKILL:
            hit.append(process.phase)
    process = Process(run_dir, warm)
    if status := process.end():
        return hit, [f"it ended with {status}: {''.join(process.log[-3:])}"]
    return hit, differences(run_dir, other)


def _wait_for(process: Process, target: str, skipped: int) -> bool:
    """Waits until a phase begins, after `skipped` earlier ones of the same name."""
    if target == "starting":
        return True
    for phase in process.phases():
        if phase == target:
            if not skipped:
                return True
            skipped -= 1
    return False


def differences(run_dir: pathlib.Path, other: pathlib.Path) -> list[str]:
    """Returns which facts of two runs differ, and what the audit finds wrong."""
    ours, theirs = facts(run_dir), facts(other)
    found = [name for name in ours if ours[name] != theirs[name]]
    return [*found, *audit_failures(run_dir)]


def audit_failures(run_dir: pathlib.Path) -> list[str]:
    """Returns what the audit of a run finds wrong; empty if the run passes it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        passed = audit.audit(run_dir)
    wrong = [line.strip() for line in said.getvalue().splitlines() if "WRONG" in line]
    return [] if passed else wrong


def facts(run_dir: pathlib.Path) -> dict[str, object]:
    """Returns everything of a run that a repetition must reproduce."""
    reader = RunReader.open(run_dir)
    points = [row.point for row in reader.rounds()]
    curve = (run_dir / "curve.csv").read_text().splitlines()
    header = curve[0].split(",")
    kept = [position for position, name in enumerate(header) if "seconds" not in name]
    return {
        "labels": reader.label_rows(),
        "queries": reader.asked(),
        "answers": [
            dataclasses.replace(row, seconds=None, time="") for row in reader.answers()
        ],
        "rounds": [(p.round, p.labels, p.evaluation, p.weight_decay) for p in points],
        "digests": [row.labels_sha256 for row in reader.rounds()],
        "executions": reader.executions(),
        "splits": reader.splits(),
        "curve.csv": [[line.split(",")[position] for position in kept] for line in curve],
        "query.csv": [path.read_text() for path in sorted(run_dir.glob("rounds/*/query.csv"))],
    }


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--per_run", type=int, default=1, help="kills of each run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--warm", action="store_true", help="import TensorFlow once for all")
    options = parser.parse_args()
    start = time.perf_counter()
    if options.warm:
        warm_up()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder  # A killed process leaves its files.
        run_dir = pathlib.Path(folder, "undisturbed")
        seconds = undisturbed(run_dir, options.warm)
        jobs = [
            (
                run_dir.with_name(str(number)),
                f"{options.seed}/{number}",
                min(options.per_run, options.kills - number * options.per_run),
                seconds,
                options.warm,
                run_dir,
            )
            for number in range(-(-options.kills // options.per_run))
        ]
        with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
            outcomes = pool.map(disturb, jobs, chunksize=1)
    sys.exit(report(outcomes, time.perf_counter() - start))


def report(outcomes: list[tuple[list[str], list[str]]], seconds: float) -> int:
    """Prints the kills by phase and all differences; returns the exit status."""
    hits = Counter(phase for hit, _ in outcomes for phase in hit)
    for phase in PHASES:
        print(f"{phase:>10}{hits[phase]:5d} kills")
    for number, (hit, found) in enumerate(outcomes):
        if found:
            print(f"run {number}, killed in {', '.join(hit)}: {'; '.join(found)}")
    equal = sum(not found for _, found in outcomes)
    print(
        f"{hits.total()} kills; {equal} of {len(outcomes)} runs equal the undisturbed one and "
        f"pass the audit; {seconds:.0f} s"
    )
    return 0 if equal == len(outcomes) else 1


if __name__ == "__main__":
    main()
