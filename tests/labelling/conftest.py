"""A run that asks a person, written by hand into a store; no TensorFlow."""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.config import Config
from dbal_tf.store.layout import STATE_FILE, predictions_file
from dbal_tf.store.rows import RunRecord
from dbal_tf.store.writer import Store

NAMES = ("cat", "dog", "owl")


@dataclasses.dataclass
class Made:
    """A run: 4 initial, 30 pool, 3 validation and 6 test items; 3 rounds of 4 items.

    The start asks for two pool items and two test items. Images are 12x10 grey.
    """

    folder: pathlib.Path

    def ask(self, index: int, items: list[str], reserve: list[str] = ()) -> None:
        """Commits a round whose query is `items`, then `reserve`; none: the last."""
        with Store(self.folder) as store:
            measures = Evaluation(0.5 - index / 10, 1.0, 0.5, 0.1, 0.5, 1.0)
            point = CurvePoint(index, 4 + 4 * index, measures, 2.5, {"train": 1.0})
            ids = np.array([*items, *reserve], np.str_)
            query = Query(ids, np.linspace(1, 0, len(ids))) if len(ids) else None
            store.ask(point, query, [], {})

    def say(self, state: str, index: int = 0) -> None:
        """Writes what the trainer does."""
        text = json.dumps({"state": state, "round": index, "time": ""})
        (self.folder / STATE_FILE).write_text(text)

    def predict(
        self,
        index: int,
        probs: dict[str, list[float]],
        file: Callable[[int], str] = predictions_file,
    ) -> None:
        """Writes a round's predictions."""
        path = self.folder / file(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.array(list(probs.values()), np.float32)
        np.savez(path, ids=np.array(list(probs)), probs=values)

    def answers(self) -> list[tuple[str, int | None, str, str]]:
        """Item, class, state and annotator of all answers of persons, in order."""
        with Store(self.folder) as store:
            rows = store.reader.answers_after(0)
        return [
            (r.item, r.label, r.state, r.annotator) for r in rows if r.annotator != "dataset"
        ]


def make_run(folder: pathlib.Path) -> Made:
    folder.mkdir()
    config = Config(
        dataset="digits",
        rounds=3,
        acquisition_size=4,
        initial_per_class=2,
        validation_size=3,
        run_dir=str(folder),
    )
    (folder / "flags.cfg").write_text(config.to_flags())
    splits = {
        "initial": [f"known-{n}" for n in range(4)],
        "validation": [f"validation-{n}" for n in range(3)],
        "pool": [f"pool-{n:02d}" for n in range(30)],
        "test": [f"test-{n}" for n in range(6)],
    }
    splits["train"] = splits["initial"] + splits["validation"] + splits["pool"]
    start = np.array(["pool-00", "pool-01", "test-0", "test-1"])
    with Store(folder) as store:
        run = RunRecord(config.to_flags(), "c" * 64, {}, NAMES)
        known = Labels.from_answers(dict(zip(splits["initial"], [0, 1, 2, 0], strict=True)))
        store.start(run, known, "dataset", splits, Query(start, np.zeros(4)))
    return Made(folder)


@pytest.fixture
def made(tmp_path: pathlib.Path) -> Made:
    return make_run(tmp_path / "run")


@pytest.fixture
def asked(made: Made) -> Made:
    """A run whose start is answered and whose round 0 asks for four items."""
    with Store(made.folder) as store:
        answers = {"pool-00": 0, "pool-01": 1, "test-0": 2, "test-1": 0}
        store.tell(Labels.from_answers(answers), "ann", 4.0)
    made.ask(0, [f"pool-{n:02d}" for n in range(10, 14)], [f"pool-{n}" for n in range(14, 18)])
    made.say("asking")
    return made
