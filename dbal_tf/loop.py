"""The active learning loop: the only file that knows the order of components."""

import dataclasses
import functools
import io
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from absl import logging

from dbal_tf.artifacts import CurvePoint, Dataset, Evaluation, Labels, Model, Query, Scores
from dbal_tf.components.acquirer import Acquirer
from dbal_tf.components.evaluator import Evaluator
from dbal_tf.components.graph_learning import GraphAcquirer, GraphClassifier, ImageGraph
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.components.pusher import Pusher
from dbal_tf.components.trainer import Trainer, is_choice_due
from dbal_tf.config import Config
from dbal_tf.reporting import tables
from dbal_tf.reporting.tensorboard import TensorBoardLog
from dbal_tf.runtime.devices import from_chief, is_chief, make_strategy, run_folder
from dbal_tf.runtime.provenance import versions
from dbal_tf.seeds import seed_for
from dbal_tf.store import csv_files, lock
from dbal_tf.store.continuity import check_continuity, other_devices
from dbal_tf.store.files import write_atomically
from dbal_tf.store.run_dir import CURVE_FILE, FLAGS_FILE, check_pool, check_run_dir
from dbal_tf.store.writer import Execution, Store

T = TypeVar("T")


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
    check_data(config, dataset)
    strategy = make_strategy(config.strategy)
    with run_folder(strategy, config.run_dir) as run_dir, strategy.scope():
        folder = pathlib.Path(run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        with lock.hold(folder):
            if is_chief(strategy):
                check_run_dir(config)  # Another run may have begun here meanwhile.
            return _run_in(strategy, config.replace(run_dir=run_dir), dataset, say)


def check_data(config: Config, dataset: Dataset) -> None:
    """Checks that a data set is large enough for a run, and not too large.

    Raises:
        InputError: The pool is too small, some of it has no label, or its
            graph is too large.
    """
    check_pool(config, dataset)
    DatasetOracle(dataset).check()
    if config.acquisition == ("mbr",):
        _image_graph(config).check(dataset)


def make_trainer(config: Config) -> Trainer:
    """Returns the trainer that a run with these settings has."""
    return Trainer(
        config.model,
        config.epochs,
        config.batch_size,
        config.learning_rate,
        config.remainder,
        config.kernel_size,
        config.mixed_precision,
        config.initializer,
    )


def _image_graph(config: Config) -> ImageGraph:
    return ImageGraph(config.graph_neighbors, config.graph_scale)


def _run_in(
    strategy: tf.distribute.Strategy,
    config: Config,
    dataset: Dataset,
    say: Callable[[str], Any],
) -> list[CurvePoint]:
    """Does what `run` promises, in the folder of this process."""
    folder, flags = pathlib.Path(config.run_dir), config.to_flags()
    replicas = strategy.num_replicas_in_sync
    made_by = {**versions(), "replicas": str(replicas)}
    if not (folder / FLAGS_FILE).exists():
        write_atomically(folder / FLAGS_FILE, flags)
    with Store(folder) as store:
        oracle = DatasetOracle(dataset)
        initial = oracle.run(_unscored(dataset.splits.initial_ids))
        store.start(
            flags,
            dataset.checksum,
            made_by,
            initial,
            "dataset",
            dataset.class_names,
            dataset.ids_by_use(),
        )
        check_continuity(store.reader, config, dataset, lambda ids: oracle.run(_unscored(ids)))
        if notice := other_devices(store.reader, replicas):
            say(notice)
        write_atomically(folder / FLAGS_FILE, flags)
        if len(store.curve()) <= config.rounds:
            store.reopen_last()
        state = from_chief(strategy, store.snapshot())
        if not is_chief(strategy):
            store.restore(state)
        write_atomically(folder / CURVE_FILE, csv_files.curve_csv(store.curve()))
        with TensorBoardLog(folder / "tensorboard") as log:
            log.write_run(
                config,
                {"data": dataset.checksum, "labels": str(len(store.labels())), **made_by},
            )
            rounds = _Rounds(config, dataset, oracle, store, log, say)
            for point in rounds.remaining():
                logging.debug("phase: report")
                write_atomically(folder / CURVE_FILE, csv_files.curve_csv(store.curve()))
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
        logging.debug("phase: %s", phase)
        result = call(seed)
        spent = time.perf_counter() - start
        self.seconds[phase] = self.seconds.get(phase, 0.0) + spent
        self.executions.append(Execution(component, seed, spent, purpose))
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
        self._trainer = make_trainer(config)
        self._evaluator = Evaluator(
            config.posterior, config.num_samples, config.bless_max_error
        )
        self._scorer = PoolScorer(
            acquisition,
            config.var_ratios,
            config.posterior,
            config.num_samples,
            config.pool_subset,
            config.refine,
            config.refine_samples,
        )
        self._acquirer = Acquirer(config.acquisition_size)
        self._on_graph, graph = acquisition == "mbr", _image_graph(config)
        self._graph_acquirer = GraphAcquirer(config.acquisition_size, config.pool_subset, graph)
        self._graph_classifier = GraphClassifier(graph)
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
        if self._on_graph:
            measured = functools.partial(
                self._graph_classifier.run, evaluation, dataset, labels
            )
            evaluation = clock("evaluate", "GraphClassifier", "graph", lambda _: measured())
        evaluation, artifacts = self._push(clock, model, evaluation, index)
        scores, query, bought = None, None, None
        if index < config.rounds:
            scores, query, bought = self._buy(clock, model, labels, index)
        artifacts |= self._kept(index)
        point = CurvePoint(index, len(labels), evaluation, decay, clock.seconds)
        images = None if query is None else dataset.train.select(query.ids)
        logging.debug("phase: report")
        self._log.write_round(point, query, bought, images, scores, dataset.class_names)
        logging.debug("phase: commit")
        self._store.commit(point, query, bought, "dataset", clock.executions, artifacts)
        return point

    def _buy(
        self, clock: _Clock, model: Model, labels: Labels, index: int
    ) -> tuple[Scores, Query, Labels]:
        unlabelled_ids = self._dataset.unlabelled(self._store.labels(every_state=True))
        if self._on_graph:
            run = functools.partial(
                self._graph_acquirer.run, self._dataset, labels, unlabelled_ids
            )
            scores, query = clock("score", "GraphAcquirer", "ties", run)
        else:
            scores, query = self._choose(clock, model, unlabelled_ids)
        bought = clock("label", "Oracle", "oracle", lambda _: self._oracle.run(query))
        names = self._dataset.class_names
        paths = {kind: self._folder / uri for kind, uri in self._kept(index).items()}
        write_atomically(paths["query"], csv_files.query_csv(query, bought, names))
        if self._config.keep_scores:
            content = io.BytesIO()
            np.savez_compressed(content, ids=scores.ids, values=scores.values)
            write_atomically(paths["scores"], content.getvalue())
        return scores, query, bought

    def _choose(
        self, clock: _Clock, model: Model, unlabelled_ids: np.ndarray
    ) -> tuple[Scores, Query]:
        """The scores by the model, and the best, with how far these may be off."""
        unlabelled = self._dataset.train.select(unlabelled_ids)
        scores = clock(
            "score", "PoolScorer", "masks", lambda s: self._scorer.run(model, unlabelled, s)
        )
        query = clock("label", "Acquirer", "ties", lambda s: self._acquirer.run(scores, s))
        chosen = self._dataset.train.select(query.ids)
        errors = clock(
            "score",
            "PoolScorer",
            "masks",
            lambda s: self._scorer.standard_errors(model, chosen, s),
        )
        return scores, dataclasses.replace(query, standard_errors=errors)

    def _kept(self, index: int) -> dict[str, str]:
        """The files of a round's query, by kind."""
        if index >= self._config.rounds:
            return {}
        folder = f"rounds/{index:04d}"
        scores = {"scores": f"{folder}/scores.npz"} if self._config.keep_scores else {}
        return {"query": f"{folder}/query.csv", **scores}

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
