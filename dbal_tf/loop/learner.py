"""The rounds of a run: training, evaluation, export, choice of the query."""

import contextlib
import dataclasses
import functools

import numpy as np
from absl import logging

from dbal_tf.artifacts import (
    CurvePoint,
    Dataset,
    Evaluation,
    Labels,
    Model,
    Query,
    Scores,
)
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.components.evaluator import Evaluator
from dbal_tf.components.features import Features
from dbal_tf.components.graph_choice import GraphChooser
from dbal_tf.components.oracle import known_validation_labels, with_known_test_items
from dbal_tf.components.out_of_fold import OutOfFold
from dbal_tf.components.posterior_choice import PosteriorChooser
from dbal_tf.components.predictions import Predictions
from dbal_tf.components.push_gate import PushGate
from dbal_tf.components.pusher import Pusher
from dbal_tf.components.reporter import Reporter
from dbal_tf.components.trainer import Trainer, is_choice_due
from dbal_tf.config import GRAPH_TECHNIQUES, Config
from dbal_tf.core import Chooser, InputError
from dbal_tf.seeds import seed_for
from dbal_tf.store.clock import Clock
from dbal_tf.store.rows import SAVED_MODEL, TEST, VALIDATION
from dbal_tf.store.writer import Store


class _Answered(Exception):
    """The round has all its answers."""


@dataclasses.dataclass(eq=False)
class Learner:
    """The rounds of a run, each from training to the committed query."""

    config: Config
    dataset: Dataset
    trainer: Trainer
    store: Store
    reporter: Reporter
    has_begun: bool = False
    checked: int | None = None

    def __post_init__(self) -> None:
        self._evaluator = Evaluator.from_config(self.config)
        self._gate = PushGate.from_config(self.config)
        self._pusher = Pusher.from_config(self.config)
        self._predictions = Predictions.from_config(self.config)
        self._features = Features.from_config(self.config)
        self._out_of_fold = OutOfFold.from_config(self.config)

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

    def show_state(self) -> None:
        """Shows what the run is doing, before its first round in this process.

        A process that was killed after a commit may have left an outdated state.
        """
        reader = self.store.reader
        is_asking = len(reader.pending(self.config.acquisition_size)) > 0
        if is_asking or self.next_round() is None:
            self.reporter.show_state(
                "asking" if is_asking else "done", reader.last_round() or 0
            )

    def next_round(self) -> int | None:
        """Returns the round to do now; None if all are done."""
        reader = self.store.reader
        done = len(reader.curve())
        if done > self.config.rounds:
            return None
        if done and not len(reader.query(done - 1)):
            # A finished run with more --rounds repeats its last round, now with a query.
            if len(self._unlabelled()):
                return done - 1
            # The rest of the pool may have been labelled while the last round trained.
            has_more = len(reader.labels()) > reader.curve()[-1].labels
            return done if has_more else None
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
        exported = [a.round for a in self.store.reader.artifacts() if a.kind == SAVED_MODEL]
        # A process that was killed beside a commit may have left one that no round has.
        for stray in {index - 1, index}.difference(exported):
            self._pusher.discard(stray)
        self.reporter.show_header()

    def run(self, index: int) -> None:
        """Trains, evaluates, exports if due, scores, and commits the query."""
        self._begin(index)
        config, dataset, trainer = self.config, self._seen, self.trainer
        clock = Clock(functools.partial(seed_for, config.seed, config.repetition, index))
        self._fix_labels(index)
        self.reporter.show_state("training", index)
        labels = self.store.reader.labels(before=index)
        decay = self._weight_decay(clock, labels, index)
        validation = self._validation(index)
        model = clock(
            "train",
            trainer,
            lambda seed: trainer.run(
                self._fitter, dataset, labels, decay, seed("fit"), validation=validation
            ),
        )
        evaluation = clock(
            "evaluate",
            self._evaluator,
            lambda seed: self._chooser.evaluate(
                self._evaluator.run(model, self._measured(index), seed("test")), labels
            ),
        )
        scores, query, artifacts = self._choose(clock, model, labels, index)
        evaluation, exported = self._push(clock, model, evaluation, index, query is None)
        asked = np.array([], np.str_) if query is None else query.ids
        predicted = self._predict(clock, model, labels, asked, index)
        artifacts |= exported | predicted
        point = CurvePoint(index, len(labels), evaluation, decay, clock.seconds)
        self.reporter.show_point(point, scores)
        logging.debug("phase: ask")
        self.store.ask(point, query, clock.executions, artifacts)
        if not exported:
            # The round may have an export from before it was given more rounds. It belongs to
            # the run until here.
            self._pusher.discard(index)
        self.reporter.show_state("done" if query is None else "asking", index)

    def _fix_labels(self, index: int) -> None:
        """Fixes the labels that a round learns from: all that have been given so far.

        Later answers are for the next round, even if this one is killed and repeated.
        """
        # Checked first, so that a round is not fixed to a state without labels.
        if lacking := self._lacking(None):
            raise InputError(f"{lacking}, and give the same command again.")
        self.store.begin(index)
        if self._lacking(index):
            self.store.begin(index, anew=True)

    def _lacking(self, before: int | None) -> str:
        """Returns what a person must do before a model can be trained; empty if nothing."""
        reader = self.store.reader
        if not len(reader.labels(before)):
            return (
                "No image has a label yet; expected at least one to train on; label one that "
                "was skipped"
            )
        if self.config.weight_decay == "auto" and not len(self._validation(before)):
            return (
                "No validation image has a label; expected some for --weight_decay=auto; label "
                "one"
            )
        return ""

    def _choose(
        self, clock: Clock, model: Model, labels: Labels, index: int
    ) -> tuple[Scores | None, Query | None, dict[str, str]]:
        """Scores the pool and chooses the query; both are None if no round follows."""
        config, ids = self.config, self._unlabelled()
        # Skipped items may use up the pool before the last round.
        if index == config.rounds or not len(ids):
            return None, None, {}
        pool = self._seen.train.select(ids)
        scores, query = clock(
            "score",
            self._chooser,
            lambda seed: self._chooser.run(model, labels, pool, seed),
        )
        artifacts = self.reporter.keep_scores(scores, index)
        if config.scorer == "beam" and config.acquisition != ("random",):
            artifacts |= self.reporter.keep_provenance(index)
        return scores, query, artifacts

    def use_wait(self) -> None:
        """Predicts a fold of the labels while a person answers, if one is due.

        Stops as soon as the round has all its answers. Queries do not depend on it.
        """
        config, reader, index = self.config, self.store.reader, self.store.reader.last_round()
        on_page = config.oracle == "web" and config.disagreement_folds > 0
        if not on_page or index is None or index == self.checked:
            return
        decay = reader.curve()[index].weight_decay

        def check() -> None:
            if not len(reader.pending(config.acquisition_size)):
                raise _Answered

        def fit(labels: Labels, seed: int) -> Model:
            check()
            held_out = self._validation(index)
            return self.trainer.run(
                self._fitter, self._seen, labels, decay, seed, check, held_out
            )

        seed = functools.partial(seed_for, config.seed, config.repetition, index)
        labels = reader.labels(before=index)
        with contextlib.suppress(_Answered):
            try:
                more = self._out_of_fold.run(fit, self._seen, labels, index, seed)
            except ArithmeticError as error:
                # The round's own model is already trained, so the run can go on.
                logging.warning("No network could be trained to find wrong labels: %s", error)
                more = False
            if not more:
                self.checked = index

    def _measured(self, index: int) -> Dataset:
        """Returns the data set with only the test items whose class is known."""
        told = self.store.reader.labels(before=index, use=TEST)
        return with_known_test_items(self._seen, told)

    def _predict(
        self, clock: Clock, model: Model, labels: Labels, asked: np.ndarray, index: int
    ) -> dict[str, str]:
        """Writes what the model predicts for the items that a person sees."""
        if self.config.oracle == "dataset":
            return {}
        # Test items too: the person may have labelled some of them wrongly.
        ids = np.union1d(asked, self.store.reader.answered_ids())
        return clock(
            "score",
            self._predictions,
            lambda seed: self._predictions.run(
                model, self._seen, ids, labels, index, seed("shown")
            ),
        )

    def _weight_decay(self, clock: Clock, labels: Labels, index: int) -> float:
        config, dataset = self.config, self._seen
        if config.weight_decay != "auto":
            return float(config.weight_decay)
        before = None
        if index:
            point = self.store.reader.curve()[index - 1]
            before = point.weight_decay
            initial = self.store.reader.curve()[0].labels
            if not is_choice_due(initial, point.labels, len(labels)):
                return before
        validation = self._validation(index)
        return clock(
            "train",
            self.trainer,
            lambda seed: self.trainer.choose_weight_decay(
                self._fitter, dataset, labels, validation, seed("weight_decay"), before
            ),
        )

    def _validation(self, before: int | None) -> Labels:
        """Returns the labels of the validation items whose class is known."""
        told = self.store.reader.labels(before, VALIDATION)
        return known_validation_labels(self.dataset, told)

    def _push(
        self, clock: Clock, model: Model, evaluation: Evaluation, index: int, is_last: bool
    ) -> tuple[Evaluation, dict[str, str]]:
        """Exports the model if an export is due and the gate lets it through."""
        before = self.store.reader.curve()[:index]
        evaluation, wanted, refusal = self._gate.run(evaluation, before, index, is_last)
        if refusal:
            self.store.record_event("refusal", refusal)
            self.reporter.say(refusal)
        if not wanted:
            return evaluation, {}
        whole = self._features.whole(model, self.dataset)
        path = clock(
            "export",
            self._pusher,
            lambda seed: self._pusher.run(
                whole, self.dataset, evaluation, index, seed("serving")
            ),
        )
        return evaluation, {SAVED_MODEL: str(path.relative_to(self.config.run_dir))}
