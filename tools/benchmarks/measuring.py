"""Fair timing: calls that are compared run in turn, and medians are reported."""

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

_SLOW_SECONDS = 20.0  # a call that takes longer is repeated less often
_SLOW_REPETITIONS = 3  # at most so often


class Moments(NamedTuple):
    """Mean and variance of class probabilities over samples, both `[n, c]`."""

    mean: np.ndarray
    variance: np.ndarray


@dataclasses.dataclass(frozen=True)
class Settings:
    """The flags of `tools/benchmark.py` that its parts need."""

    data_dir: str
    repetitions: int
    images: int
    num_samples: int
    epochs: int


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of results, as Markdown or JSON; cells are texts."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Returns a heading, the table and its notes."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join([f"### {self.title}", body, *self.notes]) + "\n"


Seconds = dict[str, list[float]]  # of each call, by its name
Results = tuple[list[Table], dict[str, Seconds]]  # of a part of the benchmark


def moments(passes: Iterable[np.ndarray]) -> Moments:
    """Returns the moments of passes that give probabilities `[n, c]` each."""
    count, total, squares = 0, 0.0, 0.0
    for probs_nc in passes:
        count += 1
        total = total + probs_nc
        squares = squares + np.square(probs_nc, dtype=np.float64)
    mean = total / count
    return Moments(mean, np.maximum(squares / count - np.square(mean), 0))


def agreement(one: Moments, count: int, reference: Moments, many: int) -> tuple[float, float]:
    """Compares the moments of `count` samples with those of many.

    Returns:
        The root mean square of the differences of the means in standard errors,
        and the ratio of the mean variances. Both are near 1 if both draw from the
        same distribution. The first leaves out probabilities that hardly vary,
        because their means are not normally distributed.
    """
    varying = reference.variance > 1e-3
    squared_error = reference.variance[varying] * (1 / count + 1 / many)
    differences = (one.mean - reference.mean)[varying]
    unbiased = one.variance.mean() * count / max(count - 1, 1)
    return (
        float(np.sqrt(np.mean(differences**2 / squared_error))),
        float(unbiased / reference.variance.mean()),
    )


def seconds_of(call: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the seconds of a call and its result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def interleaved(
    calls: Mapping[str, Callable[[], Any]], repetitions: int
) -> tuple[Seconds, dict[str, Any]]:
    """Runs calls in turn, so that other load on the machine affects all of them equally.

    Args:
        calls: By name; each must have been called before, so that it is compiled.
        repetitions: Number of turns. Calls of over 20 seconds take part in three only.

    Returns:
        The seconds of each call, and its last result.
    """
    seconds: Seconds = {name: [] for name in calls}
    results = {}
    for turn in range(repetitions):
        for name, call in calls.items():
            if turn < _SLOW_REPETITIONS or max(seconds[name]) < _SLOW_SECONDS:
                spent, results[name] = seconds_of(call)
                seconds[name].append(spent)
    return seconds, results


def fastest(calls: Mapping[str, Callable[[], Any]]) -> str:
    """Returns the name of the fastest call, after each is compiled."""
    for call in calls.values():
        call()
    seconds, _ = interleaved(calls, repetitions=2)
    return min(calls, key=lambda name: min(seconds[name]))


def summary(seconds: list[float]) -> tuple[str, str]:
    """Returns the median of the seconds, and their range, as texts."""
    low, middle, high = map(
        significant, (min(seconds), statistics.median(seconds), max(seconds))
    )
    return middle, f"{low} to {high}"


def significant(number: float) -> str:
    """Returns a number with three significant digits, or whole if it is large."""
    if number >= 100:
        return f"{number:.0f}"
    digits = 2 if number < 1e-6 else 2 - int(np.floor(np.log10(number)))
    return f"{number:.{max(digits, 0)}f}"


def ratio(slow: list[float], fast: list[float]) -> str:
    """Returns the ratio of two medians, such as `2.50x`."""
    return f"{significant(statistics.median(slow) / statistics.median(fast))}x"


def machine() -> str:
    """Returns the number of cores and their widest vector instructions."""
    info = pathlib.Path("/proc/cpuinfo")
    flags = info.read_text().split() if info.exists() else []
    widest = next((name for name in ("avx512f", "avx2") if name in flags), "no AVX2 known")
    return f"{os.cpu_count()} cores, {platform.machine()}, {widest}"


def peer_versions() -> dict[str, str]:
    """Returns the versions of the peers' packages, or that they are absent."""
    found = {}
    for name in ("torch", "baal"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
