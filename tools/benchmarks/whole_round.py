"""Times one round of the active-learning loop with the whole pool, by phase."""

import contextlib
import pathlib
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

from benchmarks.measuring import Results, Settings, Table, seconds_of, significant

from dbal_tf import loop
from dbal_tf.components import reporter
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.datasets.source import Source
from dbal_tf.reporting.curves import Line
from dbal_tf.reporting.plots import Panel, plot_panels
from dbal_tf.reporting.tensorboard import TensorBoardLog
from dbal_tf.store.writer import Store

_ROUND = 1  # the first round in which everything is compiled
_COMPONENTS = ("train", "evaluate", "score", "label")
_TIMED = {
    "ask": (Store, "ask"),
    "tell": (Store, "tell"),
    "TensorBoard, point": (TensorBoardLog, "write_point"),
    "TensorBoard, query": (TensorBoardLog, "write_query"),
    "query.csv and curve.csv": (reporter, "write_atomically"),
}


def run(source: Source, settings: Settings) -> Results:
    """Times the rounds of a run on the whole pool."""
    del source
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            data_dir=settings.data_dir,
            initial_per_class=50,
            rounds=_ROUND + 1,
            epochs=settings.epochs,
            num_samples=settings.num_samples,
            run_dir=f"{folder}/run",
        )
        dataset, ends = load(config), []
        with timed() as calls:
            curve = loop.run(config, dataset, lambda _: ends.append(time.perf_counter()))
        line = Line.from_curves({0: curve}, "error")
        panel = Panel("MNIST", {"ours": (line.labels_p, line.errors_rp)})
        plot = pathlib.Path(folder, "curve.png")
        drawing, _ = seconds_of(lambda: plot_panels((plot,), (panel,)))
    point, (start, end) = curve[_ROUND], ends[_ROUND : _ROUND + 2]
    phases = {name: point.seconds[name] for name in _COMPONENTS}
    for name, spans in calls.items():
        phases[name] = sum(b - a for a, b in spans if start < a < end)
    whole = end - start
    phases["all else"] = whole - sum(phases.values())
    phases["whole round"] = whole
    once = {"export, once a run": curve[-1].seconds["export"], "curve.png, once a run": drawing}
    rows = [(n, significant(s), f"{s / whole:.2%}") for n, s in (phases | once).items()]
    title = f"One round at N = {point.labels}, the whole pool, T = {settings.num_samples}"
    small = whole - sum(point.seconds[name] for name in ("train", "evaluate", "score"))
    note = f"All but train, evaluate and score: {small / whole:.2%} of the round."
    seconds = {name: [spent] for name, spent in (phases | once).items()}
    return [Table(title, ("phase", "seconds", "of the round"), rows, (note,))], {
        "round": seconds
    }


@contextlib.contextmanager
def timed() -> Iterator[dict[str, list[tuple[float, float]]]]:
    """Records start and end of the calls that the loop itself does not time."""
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in _TIMED}

    def wrapped(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            spans[name].append((start, time.perf_counter()))
            return result

        return call

    with contextlib.ExitStack() as stack:
        for name, (owner, method) in _TIMED.items():
            replaced = wrapped(name, getattr(owner, method))
            stack.enter_context(mock.patch.object(owner, method, replaced))
        yield spans
