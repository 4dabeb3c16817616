"""A run as an object: ask and tell.

    with Run.open(config, dataset) as run:
        while query := run.ask():
            run.tell(oracle.run(query))

A round is two transactions: `ask` trains, evaluates, scores and commits the
query; `tell` commits the answers. Between them, a run can stop and wait.
"""

import contextlib
import pathlib
import time
from typing import Any, Self

from absl import logging

from dbal_tf.artifacts import CurvePoint, Dataset, Labels, Query
from dbal_tf.bayesian.networks import NetworkFactory, model_name
from dbal_tf.components.beam_scorer import scorer_for
from dbal_tf.components.example_gen import check_data, load
from dbal_tf.components.features import Features, origin
from dbal_tf.components.oracle import DatasetOracle, known_held_out, make_oracle
from dbal_tf.components.reporter import Reporter
from dbal_tf.components.start import Start
from dbal_tf.components.trainer import Trainer
from dbal_tf.config import Config
from dbal_tf.core import Say
from dbal_tf.loop.learner import Learner
from dbal_tf.runtime.devices import from_chief, is_chief, make_strategy, run_folder
from dbal_tf.runtime.provenance import versions
from dbal_tf.seeds import seed_for
from dbal_tf.store import layout, lock
from dbal_tf.store.answers import check_answers
from dbal_tf.store.continuity import begin_or_resume
from dbal_tf.store.files import write_atomically
from dbal_tf.store.run_dir import check_run_dir
from dbal_tf.store.writer import Store


def run(config: Config, dataset: Dataset, say: Say) -> list[CurvePoint]:
    """Runs one technique once, or resumes the run in its folder.

    `--oracle` says who answers the queries; in the paper's experiments, the answers
    are the data set's own labels. Arguments and errors are those of `Run.open`.

    Returns:
        The learning curve, one point per round.

    Raises:
        AnswersAwaited: A file waits for answers.
    """
    oracle = make_oracle(config, dataset)
    oracle.check()
    with Run.open(config, dataset, say=say) as active, oracle.attend(say):
        while query := active.ask():
            logging.debug("phase: label")
            start = time.perf_counter()
            active.use_wait()
            labels = oracle.run(query)
            # The page writes the answers to the store itself.
            if len(labels):
                # How long a person took for the answers in a file is not known.
                spent = time.perf_counter() - start if config.oracle == "dataset" else None
                active.tell(labels, oracle.annotator, spent)
                oracle.told()
        active.use_wait()
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
        learner: Learner,
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
            InputError: The folder is in use, or the folder or the data do not fit
                the settings.
        """
        if model is not None:
            config = config.replace(model=model_name(model))
        trainer = Trainer.from_config(config, model)
        check_run_dir(config)
        dataset = load(config) if dataset is None else dataset
        check_data(config, dataset)
        with contextlib.ExitStack() as stack:
            strategy = make_strategy(config.strategy)
            _check_components(config, dataset, trainer)
            run_dir = stack.enter_context(run_folder(strategy, config.run_dir))
            stack.enter_context(strategy.scope())
            folder = pathlib.Path(run_dir)
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock.hold(folder))
            if is_chief(strategy):
                check_run_dir(config)  # Another run may have begun here in the meantime.
            config = config.replace(run_dir=run_dir)
            store = stack.enter_context(_opened(config, folder))
            made_by = _made_by(config, dataset, trainer, strategy.num_replicas_in_sync)
            oracle, start = DatasetOracle(dataset), _start(config, dataset)
            begin_or_resume(store, config, dataset, oracle, made_by, say, *start)
            state = from_chief(strategy, store.snapshot())
            if not is_chief(strategy):  # It must do the same steps as the chief.
                store.restore(state)
            reporter = stack.enter_context(Reporter(config, dataset, store, say))
            reporter.show_run(made_by)
            learner = Learner(config, dataset, trainer, store, reporter)
            learner.show_state()
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

        If a person labels, the first query is what the first model needs: random items
        of the pool and of the test set and, with `--weight_decay=auto`, the validation set.
        While a round waits for answers, returns the items that have none, without any
        training. The next best item replaces one that was skipped or left unsure.

        Raises:
            ArithmeticError: A loss, a probability or a score is not finite.
        """
        reader, size = self._store.reader, self.config.acquisition_size
        last = reader.last_round()
        if last is None:
            if len(query := reader.pending(size)):
                return query
        elif last < self.config.rounds and len(reader.query(last)):
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

    def use_wait(self) -> None:
        """Does one step of the search for wrong labels while a person answers on the page.

        Call it repeatedly until the answers have come; it returns at once if no step is
        left. It changes only the list of labels that the model disagrees with.
        """
        self._learner.use_wait()

    def tell(
        self, labels: Labels, annotator: str = "person", seconds: float | None = None
    ) -> None:
        """Commits answers to some or all items of the query.

        An answer to an item that already has one, from any round, is a correction:
        later rounds are trained on the new class, earlier ones do not change. Items
        of the test and validation sets can be told, too.

        Args:
            labels: The answers; see `Labels.from_answers`.
            annotator: Name of whoever gave the answers for which `labels` has no name.
            seconds: Time spent on all of them together, if known.

        Raises:
            InputError: An item was not asked for or is given twice, or a class is
                out of range. Then nothing is committed.
        """
        reader, last = self._store.reader, self._store.reader.last_round()
        check_answers(reader, labels, len(self.dataset.class_names))
        logging.debug("phase: tell")
        self._store.tell(labels, annotator, seconds)
        self._reporter.write_curve()
        if last is None or last >= self.config.rounds:
            return
        if not len(reader.pending(self.config.acquisition_size)):
            self._reporter.show_end(last)


def _check_components(config: Config, dataset: Dataset, trainer: Trainer) -> None:
    scorer_for(config)  # Beam may not be installed, or may not know one of its flags.
    # Called after the cluster is joined, which is impossible once a network was built, and
    # before the flags are written, so that a folder does not keep flags that cannot work.
    # `check_data` checks a trunk.
    is_new = not pathlib.Path(config.run_dir, layout.FLAGS_FILE).exists()
    if is_new and not Features.from_config(config).is_frozen:
        trainer.check(dataset)


def _opened(config: Config, folder: pathlib.Path) -> Store:
    # Before the store, because `check_run_dir` refuses a folder with files but no flags.
    if not (folder / layout.FLAGS_FILE).exists():
        write_atomically(folder / layout.FLAGS_FILE, config.to_flags())
    return Store(folder)


def _start(config: Config, dataset: Dataset) -> tuple[Query | None, Labels]:
    """Returns what a person labels first, and what needs no label beside it."""
    seed = seed_for(config.seed, config.repetition, 0, "start")
    query = Start.from_config(config).run(dataset, seed)
    return query, known_held_out(dataset, query)


def _made_by(config: Config, data: Dataset, trainer: Trainer, replicas: int) -> dict[str, str]:
    """Returns what determines the results: versions, devices, a model that is not built in."""
    return versions() | {"replicas": str(replicas)} | origin(config, data, trainer.network)
