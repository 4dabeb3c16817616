"""What a run has asked for and what was answered, kept up to date as its store grows."""

import dataclasses
import hashlib
from collections import Counter, defaultdict

from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.labelling.wire import Answer
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import LABELLED, TRAIN, WITHDRAWN, AnswerRecord


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def as_answer(record: AnswerRecord) -> Answer:
    """Returns an answer in the page's form: a class index or a state."""
    return record.state if record.label is None else record.label


@dataclasses.dataclass(eq=False)
class Ledger:
    """The state of a run's labels.

    A run may have 60,000 answers, and the page asks every second, so only what is new
    in the store is read.

    Attributes:
        reader: Reads the run's store.
        flags: The run's flags; empty: those that it began with.
        config: The settings in these flags.
        id: A text that identifies the run.
        class_names: One name per class.
        items: All items of the run.
        uses: `TEST` or `VALIDATION` for the items of those splits.
        last: The last answer to each item, including withdrawn ones.
        given: The answers of each annotator, in order, without those that were restored
            when somebody's correction was taken back.
        asked: The items of all queries.
        last_round: The last committed round; None before the first.
        query: The last query, then its reserve.
        start: The items that were asked for before the first model.
        asked_of: The items of the test and the validation set, by use, if a person labels
            them.
        corrections: How many answers changed a class.
        counts: How many items have an answer, by use and state, without the initial set.
    """

    reader: RunReader
    flags: str = ""

    def __post_init__(self) -> None:
        run, splits = self.reader.run(), self.reader.splits()
        self.flags = self.flags or run.flags
        self.config: Config = from_flagfile(self.flags)
        self.class_names = run.class_names
        self.id = _sha256(f"{run.started} {run.checksum} {run.flags}")[:16]
        self.items = frozenset(item for split in splits.values() for item in split.ids or ())
        self.uses = self.reader.uses
        self.last: dict[str, AnswerRecord] = {}
        self.given: dict[str, list[AnswerRecord]] = {}
        # Of each item. Answers between an answer and its restoration are left out.
        self._answers: dict[str, list[AnswerRecord]] = {}
        self._restored: dict[str, AnswerRecord] = {}
        self.asked: frozenset[str] = frozenset()
        self.last_round: int | None = None
        self.query: tuple[str, ...] = ()
        self.start: tuple[str, ...] = ()
        self.asked_of: dict[str, tuple[str, ...]] = {}
        self.corrections = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        initial = splits.get("initial")
        self._known = frozenset((initial and initial.ids) or ())
        # Each in the order in which its answers were given.
        self._by_state: dict[str, dict[str, AnswerRecord]] = defaultdict(dict)
        self._seen: tuple[int | None, ...] = (None, None, None)
        self._last_answer = 0
        self.refresh()

    def use_flags(self, flags: str) -> None:
        """Takes the run's current flags: it may have been given more rounds."""
        if flags != self.flags:
            self.flags, self.config = flags, from_flagfile(flags)

    def refresh(self) -> tuple[int | None, ...]:
        """Reads what is new in the store; returns a value that changes with the store."""
        changes = self.reader.changes()
        if changes == self._seen:
            return changes
        if changes[1:] != self._seen[1:] or not self.query:
            asked = self.reader.asked()
            self.last_round = changes[1]
            self.asked = frozenset(row.item for row in asked)
            self.start = tuple(row.item for row in asked if row.round is None)
            # The start asks for some of them, unless the data set knows their classes.
            needed = {self.uses[item] for item in self.start if item in self.uses}
            self.asked_of = {
                use: tuple(item for item, of in self.uses.items() if of == use)
                for use in needed
            }
            self.query = tuple(row.item for row in asked if row.round == self.last_round)
        if changes[0] != self._seen[0]:
            # The trainer may have written more since `changes` was read.
            for answer in self.reader.answers_after(self._last_answer):
                self._add(answer)
                self._last_answer = answer.id
        self._seen = changes
        return changes

    def _add(self, answer: AnswerRecord) -> None:
        earlier = self.last.get(answer.item)
        if earlier and LABELLED == earlier.state == answer.state:
            self.corrections += earlier.label != answer.label
        use = self.use(answer.item)
        if answer.item not in self._known:
            self.counts[use, answer.state] += 1
            if earlier:
                self.counts[use, earlier.state] -= 1
        if earlier:
            self._by_state[earlier.state].pop(answer.item, None)
        self._by_state[answer.state][answer.item] = answer
        self.last[answer.item] = answer
        self._restored.pop(answer.item, None)
        if original := self._original(answer, earlier):
            self._restored[answer.item] = original
            answers = self._answers[answer.item]
            del answers[answers.index(original) + 1 :]
        else:
            self._answers.setdefault(answer.item, []).append(answer)
            self.given.setdefault(answer.annotator, []).append(answer)

    def _original(
        self, answer: AnswerRecord, earlier: AnswerRecord | None
    ) -> AnswerRecord | None:
        """Returns the answer that this one restores after a withdrawal; None if none."""
        if earlier is None or earlier.state != WITHDRAWN or answer.seconds is not None:
            return None
        before = self.of_others(answer.item, earlier.annotator)
        said = answer.annotator, answer.label, answer.state
        is_same = before and (before.annotator, before.label, before.state) == said
        return before if is_same else None

    def first_told(self, item: str) -> AnswerRecord:
        """Returns an item's last answer, or, if that restored an earlier one, the earlier."""
        return self._restored.get(item, self.last[item])

    def state(self, item: str) -> str | None:
        """Returns the state of an item's answer; None if it has none, or it was withdrawn."""
        answer = self.last.get(item)
        return None if answer is None or answer.state == WITHDRAWN else answer.state

    def answer(self, item: str) -> Answer | None:
        """Returns an item's answer, a class or a state; None if it has none."""
        return None if self.state(item) is None else as_answer(self.last[item])

    def of_others(self, item: str, annotator: str) -> AnswerRecord | None:
        """Returns somebody else's answer that an annotator's own replaced; None if none."""
        others = (
            answer
            for answer in reversed(self._answers.get(item, []))
            if answer.annotator != annotator
        )
        last = next(others, None)
        return None if last is None or last.state == WITHDRAWN else last

    def use(self, item: str) -> str:
        """Returns what an item's answer is used for: `TRAIN`, `TEST` or `VALIDATION`."""
        return self.uses.get(item, TRAIN)

    def can_be_answered(self, item: str) -> bool:
        """Returns whether the run accepts an answer to an item, as `store.answers` does."""
        return item in self.asked or item in self.uses or self.state(item) is not None

    def open(self) -> tuple[list[str], list[str]]:
        """Returns what the run waits for, and the open items of the reserve, best first.

        The first is the same as `RunReader.pending`, without reading the store.
        """
        items = [item for item in self.query if self.state(item) is None]
        if self.last_round is None:
            return items, []
        labelled = sum(self.state(item) == LABELLED for item in self.query)
        wanted = max(0, self.config.acquisition_size - labelled)
        return items[:wanted], items[wanted:]

    def unanswered(self, use: str) -> list[str]:
        """Returns the items of the test or the validation set that wait for an answer."""
        return [item for item in self.asked_of.get(use, ()) if self.state(item) is None]

    def with_state(self, state: str) -> list[AnswerRecord]:
        """Returns the last answers of this state, the latest first."""
        return list(reversed(self._by_state[state].values()))

    def withdrawn(self) -> list[str]:
        """Returns the items whose answer was taken back, the latest first."""
        return [answer.item for answer in self.with_state(WITHDRAWN)]
