"""The active learning loop: the only file that knows the order of components."""

import dataclasses
import functools
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from dbal_tf.artifacts import CurvePoint, Dataset, Evaluation, Labels, Model, Query, Scores
from dbal_tf.components.acquirer import Acquirer
from dbal_tf.components.evaluator import Evaluator
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.components.pusher import Pusher
from dbal_tf.components.trainer import Trainer, is_choice_due
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.devices import make_strategy
from dbal_tf.files import write_atomically
from dbal_tf.provenance import versions
from dbal_tf.reporting import tables
from dbal_tf.reporting.tensorboard import TensorBoardLog
from dbal_tf.seeds import seed_for
from dbal_tf.store import Execution, Store

FLAGS_FILE = "flags.cfg"
CURVE_FILE = "curve.csv"
T = TypeVar("T")


def check_run_dir(config: Config) -> None:
    """Checks that a run may write to its folder; changes nothing on disk.

    Raises:
        InputError: The folder cannot be written, holds something else, or
            holds a run of other flags, which the message names.
    """
    folder = pathlib.Path(config.run_dir)
    try:
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:  # A name that is too long.
        raise InputError(
            f"--run_dir={folder} cannot be used ({error.strerror}); choose another."
        ) from error
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"--run_dir={folder} cannot be written: {existing} is not a writable folder; "
            "choose another."
        )
    # A hidden file may be a write that was cut off.
    if existing is not folder or all(path.name[0] == "." for path in folder.iterdir()):
        return
    flags = folder / FLAGS_FILE
    if not flags.is_file():
        raise InputError(
            f"--run_dir={folder} holds files but no run; choose an empty or a new folder."
        )
    if differing := config.differing(flags.read_text(errors="replace")):
        raise InputError(
            f"--run_dir={folder} holds a run of other flags: {', '.join(differing)}; "
            "give it the same flags or choose another folder."
        )


def check_pool(config: Config, dataset: Dataset) -> None:
    """Checks that the pool is large enough for all rounds.

    Raises:
        InputError: It is not; the message says how many rounds it holds.
    """
    wanted, pool = config.rounds * config.acquisition_size, len(dataset.splits.pool_ids)
    if wanted > pool:
        raise InputError(
            f"--rounds={config.rounds} of {config.acquisition_size} images need {wanted}, the "
            f"pool holds {pool}; use at most --rounds={pool // config.acquisition_size}."
        )


def run(config: Config, dataset: Dataset, say: Callable[[str], Any]) -> list[CurvePoint]:
    """Runs one technique once, from wherever its folder says that it stands.

    Args:
        config: The settings, with one acquisition function.
        dataset: What to learn from, split for `config.repetition`.
        say: Called with each line for the user.

    Returns:
        The learning curve, one point a round.

    Raises:
        InputError: The folder or the data do not fit the settings.
    """
    check_run_dir(config)
    check_pool(config, dataset)
    folder, flags = pathlib.Path(config.run_dir), config.to_flags()
    made_by = versions()
    if not (folder / FLAGS_FILE).exists():
        write_atomically(folder / FLAGS_FILE, flags)
    with Store(folder) as store:
        oracle = DatasetOracle(dataset)
        initial = oracle.run(_unscored(dataset.splits.initial_ids))
        store.start(flags, dataset.checksum, made_by, initial, annotator=config.oracle)
        write_atomically(folder / FLAGS_FILE, flags)
        if len(store.curve()) <= config.rounds:
            store.reopen_last()
        write_atomically(folder / CURVE_FILE, tables.curve_csv(store.curve()))
        devices = make_strategy(config.strategy).scope()
        with TensorBoardLog(folder / "tensorboard") as log, devices:
            log.write_run(
                config,
                {"data": dataset.checksum, "labels": str(len(store.labels())), **made_by},
            )
            rounds = _Rounds(config, dataset, oracle, store, log, say)
            for point in rounds.remaining():
                write_atomically(folder / CURVE_FILE, tables.curve_csv(store.curve()))
                say(tables.progress_line(point, config.rounds, _seconds_left(config, point)))
        return store.curve()[: config.rounds + 1]


@dataclasses.dataclass(eq=False)
class _Clock:
    """Times the components of one round and notes what they were seeded with."""

    seed_of: Callable[[str], int]
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    executions: list[Execution] = dataclasses.field(default_factory=list)

    def __call__(self, phase: str, component: str, purpose: str, call: Callable[[int], T]) -> T:
        seed, start = self.seed_of(purpose), time.perf_counter()
        result = call(seed)
        spent = time.perf_counter() - start
        self.seconds[phase] = self.seconds.get(phase, 0.0) + spent
        self.executions.append(Execution(component, seed, spent))
        return result


class _Rounds:
    """The rounds of one run, each committed as it ends."""

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        oracle: DatasetOracle,
        store: Store,
        log: TensorBoardLog,
        say: Callable[[str], Any],
    ) -> None:
        self._config, self._dataset, self._oracle = config, dataset, oracle
        self._store, self._log, self._say = store, log, say
        self._folder = pathlib.Path(config.run_dir)
        (acquisition,) = config.acquisition
        self._trainer = Trainer(
            config.model,
            config.epochs,
            config.batch_size,
            config.learning_rate,
            config.remainder,
        )
        self._evaluator = Evaluator(
            config.posterior, config.num_samples, config.bless_max_error
        )
        self._scorer = PoolScorer(
            acquisition,
            config.var_ratios,
            config.posterior,
            config.num_samples,
            config.pool_subset,
        )
        self._acquirer = Acquirer(config.acquisition_size)
        self._pusher = Pusher(
            self._folder / "export", config.posterior, config.num_samples, config.var_ratios
        )

    def remaining(self) -> Iterator[CurvePoint]:
        """Does the rounds that are not committed yet; yields each as it is."""
        done = self._store.curve()
        if len(done) > self._config.rounds:
            return
        self._store.record_event("resume" if done else "start", f"round {len(done)}")
        self._pusher.clean()
        self._say(tables.progress_header())
        previous = done[-1] if done else None
        for index in range(len(done), self._config.rounds + 1):
            previous = self._round(index, previous)
            yield previous

    def _round(self, index: int, previous: CurvePoint | None) -> CurvePoint:
        config, dataset = self._config, self._dataset
        clock = _Clock(functools.partial(seed_for, config.seed, config.repetition, index))
        labels = self._store.labels()
        decay = self._weight_decay(clock, labels, previous)
        model = clock(
            "train", "Trainer", "fit", lambda s: self._trainer.run(dataset, labels, decay, s)
        )
        evaluation = clock(
            "evaluate", "Evaluator", "test", lambda s: self._evaluator.run(model, dataset, s)
        )
        evaluation, artifacts = self._push(clock, model, evaluation, index)
        scores, query, bought = None, None, None
        if index < config.rounds:
            scores, query, bought = self._buy(clock, model, labels, index)
        point = CurvePoint(index, len(labels), evaluation, decay, clock.seconds)
        images = None if query is None else dataset.train.select(query.ids)
        self._log.write_round(point, query, bought, images, scores, dataset.class_names)
        self._store.commit(point, query, bought, config.oracle, clock.executions, artifacts)
        return point

    def _buy(
        self, clock: _Clock, model: Model, labels: Labels, index: int
    ) -> tuple[Scores, Query, Labels]:
        unlabelled = self._dataset.train.select(self._dataset.unlabelled(labels))
        scores = clock(
            "score", "PoolScorer", "masks", lambda s: self._scorer.run(model, unlabelled, s)
        )
        query = clock("label", "Acquirer", "ties", lambda s: self._acquirer.run(scores, s))
        bought = clock("label", "Oracle", "oracle", lambda _: self._oracle.run(query))
        folder = self._folder / "rounds" / f"{index:04d}"
        names = self._dataset.class_names
        write_atomically(folder / "query.csv", tables.query_csv(query, bought, names))
        if self._config.keep_scores:
            np.savez_compressed(folder / "scores.npz", ids=scores.ids, values=scores.values)
        return scores, query, bought

    def _weight_decay(
        self, clock: _Clock, labels: Labels, previous: CurvePoint | None
    ) -> float:
        config, dataset = self._config, self._dataset
        if config.weight_decay != "auto":
            return float(config.weight_decay)
        initial = len(dataset.splits.initial_ids)
        if previous and not is_choice_due(initial, previous.labels, len(labels)):
            return previous.weight_decay
        validation = self._oracle.run(_unscored(dataset.splits.validation_ids))
        choose = functools.partial(
            self._trainer.choose_weight_decay,
            dataset,
            labels,
            validation,
            config.posterior,
            config.num_samples,
        )
        return clock("train", "Trainer", "weight_decay", choose)

    def _push(
        self, clock: _Clock, model: Model, evaluation: Evaluation, index: int
    ) -> tuple[Evaluation, dict[str, str]]:
        """Exports the model if it is its turn and it is blessed, or if it is the last."""
        config, last = self._config, index == self._config.rounds
        every = config.export_every
        wanted = last or bool(every and index and index % every == 0)
        if wanted and config.bless_max_error:
            evaluation, refusal = self._evaluator.bless(evaluation, self._store.curve())
            if refusal:
                outcome = (
                    "is exported as the last, but not blessed" if last else "is not exported"
                )
                self._refuse(f"Round {index} {outcome}: {refusal}.")
            wanted = last or not refusal
        if not wanted:
            self._pusher.discard(index)
            return evaluation, {}
        run = functools.partial(self._pusher.run, model, self._dataset, evaluation, index)
        path = clock("export", "Pusher", "serving", run)
        return evaluation, {"saved_model": str(path.relative_to(self._folder))}

    def _refuse(self, sentence: str) -> None:
        self._store.record_event("refusal", sentence)
        self._say(sentence)


def _seconds_left(config: Config, point: CurvePoint) -> float:
    """Expects rounds like the last one, with training time as the labels grow."""
    rounds = config.rounds - point.round
    labels = point.labels + (rounds + 1) / 2 * config.acquisition_size
    growth = point.seconds["train"] * (labels / point.labels - 1)
    return rounds * (sum(point.seconds.values()) + growth)


def _unscored(ids: np.ndarray) -> Query:
    return Query(ids, np.zeros(len(ids)))
