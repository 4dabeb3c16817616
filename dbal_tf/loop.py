"""The active learning loop: the only file that knows the order of components.

    with Run.open(config, dataset) as run:
        while query := run.ask():
            run.tell(oracle.run(query))

A round is two transactions: `ask` trains, evaluates, scores and commits the
query; `tell` commits the answers. Between them, a run can stop and wait.
"""

import contextlib
import dataclasses
import functools
import pathlib
import time
from typing import Any, Self

import numpy as np
from absl import logging

from dbal_tf.artifacts import CurvePoint, Dataset, Evaluation, Labels, Model, Query
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.networks import NetworkFactory, model_name
from dbal_tf.components.evaluator import Evaluator
from dbal_tf.components.example_gen import check_data, load
from dbal_tf.components.features import Features, origin
from dbal_tf.components.graph_choice import GraphChooser
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.components.posterior_choice import PosteriorChooser
from dbal_tf.components.push_gate import PushGate
from dbal_tf.components.pusher import Pusher
from dbal_tf.components.reporter import Reporter, Say
from dbal_tf.components.trainer import Trainer, is_choice_due
from dbal_tf.config import GRAPH_TECHNIQUES, Config
from dbal_tf.core import Chooser
from dbal_tf.reporting import tables
from dbal_tf.runtime.devices import from_chief, is_chief, make_strategy, run_folder
from dbal_tf.runtime.provenance import versions
from dbal_tf.seeds import seed_for
from dbal_tf.store import layout, lock
from dbal_tf.store.answers import check_answers
from dbal_tf.store.clock import Clock
from dbal_tf.store.continuity import begin_or_resume
from dbal_tf.store.files import write_atomically
from dbal_tf.store.run_dir import check_run_dir
from dbal_tf.store.writer import Store


def run(config: Config, dataset: Dataset, say: Say) -> list[CurvePoint]:
    """Runs one technique once, or resumes the run in its folder.

    The data set's own labels answer the queries, as in the paper's experiments.
    Arguments and errors are those of `Run.open`.

    Returns:
        The learning curve, one point per round.
    """
    oracle = DatasetOracle(dataset)
    oracle.check()
    with Run.open(config, dataset, say=say) as active:
        while query := active.ask():
            logging.debug("phase: label")
            start = time.perf_counter()
            labels = oracle.run(query)
            active.tell(labels, oracle.annotator, time.perf_counter() - start)
        return active.curve()


class Run:
    """One run of one technique, with an ask-and-tell interface.

    `Run.open` begins the run, or resumes the one in its folder, and holds the
    folder's lock until `close`.

    Attributes:
        config: The settings.
        dataset: The data set. `dataset.train.select(query.ids).images` are the
            images of a query.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        store: Store,
        reporter: Reporter,
        learner: "_Learner",
        stack: contextlib.ExitStack,
    ) -> None:
        """Use `Run.open`."""
        self.config, self.dataset = config, dataset
        self._store, self._reporter, self._learner = store, reporter, learner
        self._stack = stack

    @classmethod
    def open(
        cls,
        config: Config,
        dataset: Dataset | None = None,
        *,
        model: NetworkFactory | None = None,
        say: Say = lambda line: None,
    ) -> Self:
        """Begins a run in `config.run_dir`, or resumes the one that is there.

        Args:
            config: The settings, with one acquisition function.
            dataset: The data set; None: the one that the settings name.
            model: Builds the network: `model(image_shape, num_classes, seed)`
                returns a built `keras.Model`. Overrides `--model`.
            say: Called with each line for the user.

        Raises:
            InputError: The folder is in use, or it or the data do not fit the
                settings.
        """
        if model is not None:
            config = config.replace(model=model_name(model))
        trainer = Trainer.from_config(config, model)
        check_run_dir(config)
        dataset = load(config) if dataset is None else dataset
        check_data(config, dataset)
        with contextlib.ExitStack() as stack:
            strategy = make_strategy(config.strategy)
            run_dir = stack.enter_context(run_folder(strategy, config.run_dir))
            stack.enter_context(strategy.scope())
            folder = pathlib.Path(run_dir)
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock.hold(folder))
            if is_chief(strategy):
                check_run_dir(config)  # Another run may have begun here meanwhile.
            config = config.replace(run_dir=run_dir)
            # Before the store: `check_run_dir` refuses a folder with files but no flags.
            if not (folder / layout.FLAGS_FILE).exists():
                write_atomically(folder / layout.FLAGS_FILE, config.to_flags())
            store = stack.enter_context(Store(folder))
            made_by = _made_by(config, dataset, trainer, strategy.num_replicas_in_sync)
            begin_or_resume(store, config, dataset, DatasetOracle(dataset), made_by, say)
            state = from_chief(strategy, store.snapshot())
            if not is_chief(strategy):  # Its steps must be those of the chief.
                store.restore(state)
            reporter = stack.enter_context(Reporter(config, dataset, store, say))
            reporter.show_run(made_by)
            learner = _Learner(config, dataset, trainer, store, reporter)
            return cls(config, dataset, store, reporter, learner, stack.pop_all())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def close(self) -> None:
        """Releases the folder's lock. Everything committed is kept."""
        self._stack.close()

    def curve(self) -> list[CurvePoint]:
        """Returns the learning curve so far, one point per round."""
        return self._store.reader.curve()[: self.config.rounds + 1]

    def ask(self) -> Query | None:
        """Returns the items to label next, best first, or None if the budget is spent.

        While a round waits for answers, returns the items that lack one, without any
        training. The next best item replaces one that was skipped or left unsure.

        Raises:
            ArithmeticError: A loss, a probability or a score is not finite.
        """
        reader, size = self._store.reader, self.config.acquisition_size
        last = len(reader.curve()) - 1
        if 0 <= last < self.config.rounds and len(reader.query(last)):
            if len(query := reader.pending(size)):
                return query
            self._reporter.show_end(last)
        while (index := self._learner.next_round()) is not None:
            self._learner.run(index)
            self._reporter.write_curve()
            if len(query := reader.pending(size)):
                return query
            self._reporter.show_end(index)
        return None

    def tell(
        self, labels: Labels, annotator: str = "person", seconds: float | None = None
    ) -> None:
        """Commits answers to some or all items of the query.

        An answer to an item that already has one, from any round, is a correction:
        later rounds are trained on the new class, earlier ones do not change.

        Args:
            labels: The answers; see `Labels.from_answers`.
            annotator: Name of whoever gave them.
            seconds: Time spent on all of them together, if known.

        Raises:
            InputError: An item was not asked for or is given twice, or a class is
                out of range. Nothing is committed then.
        """
        reader = self._store.reader
        last = len(reader.curve()) - 1
        check_answers(reader, labels, last, len(self.dataset.class_names))
        logging.debug("phase: tell")
        self._store.tell(last, labels, annotator, seconds)
        self._reporter.write_curve()
        if last < self.config.rounds and not len(reader.pending(self.config.acquisition_size)):
            self._reporter.show_end(last)


def _made_by(config: Config, data: Dataset, trainer: Trainer, replicas: int) -> dict[str, str]:
    """What determines the numbers: versions, devices, a model that is not of this package."""
    return versions() | {"replicas": str(replicas)} | origin(config, data, trainer.network)


@dataclasses.dataclass(eq=False)
class _Learner:
    """Does the rounds of `Run.ask`: from training to the committed query."""

    config: Config
    dataset: Dataset
    trainer: Trainer
    store: Store
    reporter: Reporter
    has_begun: bool = False

    def __post_init__(self) -> None:
        self._evaluator = Evaluator.from_config(self.config)
        self._gate = PushGate.from_config(self.config)
        self._pusher = Pusher.from_config(self.config)
        self._features = Features.from_config(self.config)

    # Built by the first round that needs them, because compiling the network or building
    # a graph takes seconds: a run that is only waiting for answers restarts at once.
    @functools.cached_property
    def _fitter(self) -> Fitter:
        return self.trainer.fitter(self._seen)

    @functools.cached_property
    def _seen(self) -> Dataset:
        """The data set as the network sees it: images, or features of them."""
        return self._features.run(self.dataset, self.reporter.say)

    @functools.cached_property
    def _chooser(self) -> Chooser:
        config = self.config
        if config.acquisition[0] in GRAPH_TECHNIQUES:
            return GraphChooser.from_config(config, self.dataset)
        return PosteriorChooser.from_config(config)

    def next_round(self) -> int | None:
        """Returns the round to do now; None if all are done."""
        reader = self.store.reader
        done = len(reader.curve())
        if done > self.config.rounds:
            return None
        if done and not len(reader.query(done - 1)):
            # A finished run with more --rounds repeats its last round, now with a query.
            return done - 1 if len(self._unlabelled()) else None
        return done

    def _unlabelled(self) -> np.ndarray:
        return self.dataset.unlabelled(self.store.reader.answered_ids())

    def _begin(self, index: int) -> None:
        """Records the start or resume before the first round of this process."""
        if self.has_begun:
            return
        self.has_begun = True
        self.store.record_event("resume" if index else "start", f"round {index}")
        self._pusher.clean()
        self.reporter.say(tables.progress_header())

    def run(self, index: int) -> None:
        """Trains, evaluates, exports if due, scores, and commits the query."""
        self._begin(index)
        config, dataset, trainer = self.config, self._seen, self.trainer
        clock = Clock(functools.partial(seed_for, config.seed, config.repetition, index))
        labels = self.store.reader.labels(before=index)
        decay = self._weight_decay(clock, labels, index)
        model = clock(
            "train",
            trainer,
            lambda seed: trainer.run(self._fitter, dataset, labels, decay, seed("fit")),
        )
        evaluation = clock(
            "evaluate",
            self._evaluator,
            lambda seed: self._chooser.evaluate(
                self._evaluator.run(model, dataset, seed("test")), labels
            ),
        )
        evaluation, artifacts = self._push(clock, model, evaluation, index)
        scores, query = None, None
        # Skipped items may use up the pool before the last round.
        if index < config.rounds and len(ids := self._unlabelled()):
            pool = dataset.train.select(ids)
            scores, query = clock(
                "score",
                self._chooser,
                lambda seed: self._chooser.run(model, labels, pool, seed),
            )
            artifacts |= self.reporter.keep_scores(scores, index)
        point = CurvePoint(index, len(labels), evaluation, decay, clock.seconds)
        self.reporter.show_point(point, scores)
        logging.debug("phase: ask")
        self.store.ask(point, query, clock.executions, artifacts)

    def _weight_decay(self, clock: Clock, labels: Labels, index: int) -> float:
        config, dataset = self.config, self._seen
        if config.weight_decay != "auto":
            return float(config.weight_decay)
        if index:
            before = self.store.reader.curve()[index - 1]
            initial = len(dataset.splits.initial_ids)
            if not is_choice_due(initial, before.labels, len(labels)):
                return before.weight_decay
        ids = dataset.splits.validation_ids
        validation = DatasetOracle(dataset).run(Query(ids, np.zeros(len(ids))))
        return clock(
            "train",
            self.trainer,
            lambda seed: self.trainer.choose_weight_decay(
                self._fitter, dataset, labels, validation, seed("weight_decay")
            ),
        )

    def _push(
        self, clock: Clock, model: Model, evaluation: Evaluation, index: int
    ) -> tuple[Evaluation, dict[str, str]]:
        """Exports the model if an export is due and the gate lets it through."""
        before = self.store.reader.curve()[:index]
        evaluation, wanted, refusal = self._gate.run(evaluation, before, index)
        if refusal:
            self.store.record_event("refusal", refusal)
            self.reporter.say(refusal)
        if not wanted:
            # Of this round, if it was done before it was killed or given more rounds.
            self._pusher.discard(index)
            return evaluation, {}
        whole = self._features.whole(model, self.dataset)
        path = clock(
            "export",
            self._pusher,
            lambda seed: self._pusher.run(
                whole, self.dataset, evaluation, index, seed("serving")
            ),
        )
        return evaluation, {"saved_model": str(path.relative_to(self.config.run_dir))}
