"""What tests share: where the real data is, a toy data set, runs, the program."""

import dataclasses
import json
import os
import pathlib
import signal
import sys
import traceback
import types
from collections.abc import Iterator

import numpy as np
import pytest
from absl.testing import flagsaver
from hypothesis import settings

from dbal_tf.artifacts import Dataset, Examples, Labels
from dbal_tf.config import MODELS, Config
from dbal_tf.runtime import startup
from dbal_tf.runtime.interrupts import Interrupted
from dbal_tf.store import csv_files

startup.import_tensorflow()
# An example may take seconds beside other work; only its outcome is checked.
settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")

_PROJECT = pathlib.Path(__file__).parents[1]
_BESIDE_PROJECT = _PROJECT.parent / "shared"
_SLOW = {"e2e", "browser", "scaleout"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the slow folders first: two processes then end at about the same time."""
    items.sort(key=lambda item: item.path.parent.name not in _SLOW)


@pytest.fixture(scope="session")
def test_data() -> pathlib.Path:
    """The folder of real data: DBAL_TEST_DATA, else ../shared/data."""
    folder = os.environ.get("DBAL_TEST_DATA")
    return _existing(pathlib.Path(folder) if folder else _BESIDE_PROJECT / "data")


@pytest.fixture(scope="session")
def mnist_dir(test_data: pathlib.Path) -> pathlib.Path:
    """The folder with MNIST's four idx files."""
    return _existing(test_data / "mnist")


def _existing(folder: pathlib.Path) -> pathlib.Path:
    if folder.is_dir():
        return folder
    reason = f"needs real data in {folder}; set DBAL_TEST_DATA to the folder that has it"
    if os.environ.get("CI") == "true" and _BESIDE_PROJECT.is_dir():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def toy() -> Dataset:
    """Three classes of 8x8 images, a bright band each: 60 to train on, 31 to test.

    Split into 6 initial, 9 validation and 45 pool items.
    """
    from dbal_tf.datasets.splits import make_splits

    rng = np.random.default_rng(0)
    classes = np.arange(91) % 3
    images = rng.integers(0, 120, (91, 8, 8, 1))
    for image, label in zip(images, classes, strict=True):
        image[2 * label : 2 * label + 3] += 80
    ids = np.array([f"toy-{row:02d}" for row in range(91)])
    items, hidden = Examples(ids, images.astype(np.uint8)), Labels(ids, classes)
    train, test = ids[:60], ids[60:]
    splits = make_splits(train, classes[:60], 3, initial_per_class=2, validation_size=9, seed=0)
    return Dataset(
        "toy",
        items.select(train),
        splits,
        hidden.first(60),
        items.select(test),
        Labels(test, classes[60:]),
        ("low", "middle", "high"),
        checksum="toy",
    )


@pytest.fixture(autouse=True, scope="session")
def deprecations_of_tensorflow_are_errors() -> None:
    """TensorFlow only logs them, once each, and this program keeps its log quiet."""
    from tensorflow.python.util import deprecation

    # Code that AutoGraph made of a function counts as TensorFlow's, not as its author's.
    tensorflow = ("/tensorflow/python/", "__autograph_generated_file", "<frozen ")

    def fail_if_called_here(message: str, *args: object, **_: object) -> None:
        deprecation._PRINTED_WARNING.clear()
        callers = reversed(traceback.extract_stack(limit=60)[:-1])
        names = (frame.filename for frame in callers)
        caller = next((n for n in names if not any(part in n for part in tensorflow)), "")
        if caller.startswith(str(_PROJECT)):
            raise DeprecationWarning(message % args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deprecation, "_log_deprecation", fail_if_called_here)
        yield


@pytest.fixture(autouse=True, scope="session")
def interrupts_are_heeded() -> None:
    """In a shell's background SIGINT is ignored, and what is started there inherits that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tiny(tmp_path: pathlib.Path) -> Config:
    """Settings of a run of seconds in a folder of its own."""
    return Config(
        dataset="digits",
        rounds=3,
        epochs=3,
        num_samples=5,
        pool_subset=100,
        weight_decay="2.5",
        seed=4,
        run_dir=str(tmp_path / "run"),
    )


@pytest.fixture
def finished_run(tmp_path: pathlib.Path) -> pathlib.Path:
    """The folder of a run of three rounds of two items that has ended, written by hand.

    Behind each query is a reserve of one item, which nobody answers.
    """
    from dbal_tf.artifacts import CurvePoint, Evaluation, Query
    from dbal_tf.seeds import seed_for
    from dbal_tf.store.rows import RunRecord
    from dbal_tf.store.writer import Execution, Store

    folder = tmp_path / "finished"
    names, classes = ("low", "middle", "high"), {"train-0": 0, "train-1": 1, "train-2": 2}
    config = Config(
        dataset="digits",
        acquisition=("bald",),
        rounds=2,
        acquisition_size=2,
        initial_per_class=1,
        seed=7,
        run_dir=str(folder),
    )
    train = [f"train-{number}" for number in range(12)]
    splits = {"initial": train[:3], "validation": train[3:5], "pool": train[5:]}
    splits |= {"test": ["test-0", "test-1"], "train": train}
    versions = {"dbal_tf": "0.1.0", "commit": "0123456789ab", "python": "3.11.7"}
    folder.mkdir()
    (folder / "flags.cfg").write_text(config.to_flags())
    _write_export(folder / "export/2", {"labels": 7, "dataset_checksum": "c" * 64})
    with Store(folder) as store:
        run = RunRecord(config.to_flags(), "c" * 64, versions, names)
        store.start(run, Labels.from_answers(classes), "dataset", splits)
        for index in range(3):
            calls = {"Trainer": ["fit"], "Evaluator": ["test"]}
            query, artifacts = None, {"saved_model": "export/2"}
            if index < 2:
                ids = np.array(train[5 + 2 * index : 8 + 2 * index])
                entropies = np.array([0.75, 0.25, 0.25])
                query = Query(ids, np.array([0.5, 0.25, 0.125]), entropies=entropies)
                calls |= {"PosteriorChooser": ["masks", "ties"]}
                artifacts = {}
            measures = Evaluation(0.5 - index / 10, 1.0, 0.5, 0.25, 0.5, 1.25)
            point = CurvePoint(index, 3 + 2 * index, measures, 2.5, {"train": 1.0})
            executions = [
                Execution(name, {what: seed_for(7, 0, index, what) for what in purposes}, 1.0)
                for name, purposes in calls.items()
            ]
            store.ask(point, query, executions, artifacts)
            if query is not None:
                store.tell(Labels(query.ids[:2], np.array([1, 2])), "dataset", 0.5)
                rows = [row for row in store.reader.label_rows() if row.round == index]
                path = folder / f"rounds/{index:04d}/query.csv"
                path.parent.mkdir(parents=True)
                path.write_text(csv_files.query_csv(rows, names))
                store.add_artifact(index, "query", f"rounds/{index:04d}/query.csv")
        (folder / "curve.csv").write_text(csv_files.curve_csv(store.reader.curve()))
    return folder


def _write_export(folder: pathlib.Path, told: dict[str, object]) -> None:
    for part in ("saved_model.pb", "variables/variables.index", "variables/data"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_text(part)
    (folder / "complete.json").write_text(json.dumps(told))


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the SavedModel, which takes half of a tiny run's time."""
    _leave_out_exports(monkeypatch)


@pytest.fixture(scope="module")
def no_exports() -> Iterator[None]:
    """Leaves out all SavedModels of a module's runs."""
    with pytest.MonkeyPatch.context() as patch:
        _leave_out_exports(patch)
        yield


def _leave_out_exports(patch: pytest.MonkeyPatch) -> None:
    from dbal_tf.components.pusher import Pusher

    def leave_out(self: Pusher, *_: object) -> pathlib.Path:
        (self.folder / "left_out").mkdir(parents=True, exist_ok=True)
        return self.folder / "left_out"

    patch.setattr(Pusher, "run", leave_out)


_FACTORIES: dict[tuple[object, ...], object] = {}
_FITTERS: dict[tuple[object, ...], object] = {}


@pytest.fixture(scope="module")
def shared_fitters() -> Iterator[None]:
    """Compiles the training of equal networks once for all tests that ask for this.

    A fit leaves nothing behind: `bayesian/fitting_test.py` checks that.
    """
    import tensorflow as tf

    from dbal_tf.components import trainer

    make, build = trainer.network_factory, trainer.Trainer.fitter

    def factory(model: object, *options: object) -> object:
        # Trainers are equal if their factories are.
        if model not in MODELS:
            return make(model, *options)
        key = model, *options
        if key not in _FACTORIES:
            _FACTORIES[key] = make(*key)
        return _FACTORIES[key]

    def fitter(self: trainer.Trainer, dataset: Dataset) -> object:
        # That of vat keeps its images, and these posteriors have factories of their own.
        if self.trainer == "vat" or self.posterior in ("ensemble", "bayes_by_backprop"):
            return build(self, dataset)
        shape, classes = dataset.image_shape, len(dataset.class_names)
        key = self, shape, classes, tf.distribute.get_strategy()
        if key not in _FITTERS:
            _FITTERS[key] = build(self, dataset)
        return _FITTERS[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "network_factory", factory)
        patch.setattr(trainer.Trainer, "fitter", fitter)
        yield


@pytest.fixture(scope="module")
def checked_here() -> Iterator[None]:
    """Checks exports in this process: another one takes seconds to import TensorFlow."""
    from dbal_tf.components import export_check, pusher

    def check(folder: pathlib.Path, expected: dict[str, np.ndarray]) -> None:
        for problem in export_check.problems(str(folder), expected):
            raise RuntimeError(problem)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pusher, "_check", check)
        yield


class Program:
    """The program in this process: parses and runs a command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *flags: str) -> tuple[int, str, str]:
        """Returns the exit status, stdout and stderr."""
        from dbal_tf import main

        self._capsys.readouterr()
        with flagsaver.flagsaver():
            try:
                status = main._main(main._parse(["dbal_tf", *flags]))
            except SystemExit as end:
                status = end.code
            finally:
                main.FLAGS.unparse_flags()
        return (status, *self._capsys.readouterr())


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in this process."""
    return Program(capsys)


class FakeSystems:
    """Quick systems in the places of the semi-supervised ones.

    Each trains in two parts of six steps that change one number by the seed,
    then predicts the class of the nearest mean of the labelled images, a
    sixteenth of the classes wrong on purpose, by that number.

    Attributes:
        done: System, part and first step of all that was trained, in order.
        stop: Such an entry; training stops before it, once.
        given: What the last fit was given.
    """

    def __init__(self) -> None:
        self.done: list[tuple[str, str, int]] = []
        self.stop: tuple[str, str, int] | None = None
        self.given: tuple = ()

    def kind(self, name: str) -> type:
        """Returns the class of a name."""
        fakes = self

        @dataclasses.dataclass(frozen=True)
        class Fake:
            """A system that trains in no time."""

            steps: int = 6
            widths: tuple[int, ...] = (4, 2)

            @classmethod
            def faithful(cls, **variant: bool) -> "Fake":
                return cls(60)

            @classmethod
            def light(cls, **variant: bool) -> "Fake":
                return cls(12)

            @classmethod
            def tiny(cls, **variant: bool) -> "Fake":
                return cls()

            def fit(self, labelled, unlabelled, validation, seed, session):
                fakes.given = labelled, unlabelled, validation, seed
                return fakes.fit(name, self.steps, *fakes.given, session)

        Fake.__name__ = "".join(part.capitalize() for part in name.split("_"))
        return Fake

    def fit(self, name, steps, labelled, unlabelled, validation, seed, session):
        import tensorflow as tf

        from dbal_tf.baselines.semi_supervised.system import check, pixels

        count = check(labelled, unlabelled, 2)
        for images in (labelled.images, unlabelled, validation.images):
            assert (images.dtype, images.ndim) == (np.uint8, 4)
        number = tf.Variable(0, dtype=tf.int64)
        for part in ("first", "second"):

            def run(first: int, last: int, part: str = part) -> dict[str, int]:
                if self.stop == (name, part, first):
                    self.stop = None
                    raise Interrupted(signal.SIGINT)
                self.done.append((name, part, first))
                for step in range(first, last):
                    number.assign((number * 31 + seed + step) % 16)
                return {"loss": int(number)}

            session.train(part, steps, run, {"number": number}, chunk=2)
        known, classes, wrong = pixels(labelled.images), labelled.classes, int(number)
        means = np.stack([known[classes == index].mean(0) for index in range(count)])

        class Nearest:
            def predict_probs(self, images: np.ndarray) -> np.ndarray:
                rows = pixels(images)
                distances = ((rows[:, None] - means[None]) ** 2).sum(2)
                nearest = distances.argmin(1)
                nearest[np.arange(len(rows)) % 16 == wrong] += 1
                return np.eye(count)[nearest % count]

        return Nearest()


@pytest.fixture
def fake_systems(monkeypatch: pytest.MonkeyPatch) -> FakeSystems:
    """Quick systems in the places of the semi-supervised ones."""
    from dbal_tf.config import SEMI_SUPERVISED

    fakes = FakeSystems()
    for name in SEMI_SUPERVISED:
        module, kind = types.ModuleType(name), fakes.kind(name)
        setattr(module, kind.__name__, kind)
        place = f"dbal_tf.baselines.semi_supervised.{name}"
        monkeypatch.setitem(sys.modules, place, module)
    return fakes
