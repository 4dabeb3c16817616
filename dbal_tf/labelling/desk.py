"""The desk: what is labelled now and by whom, answers, and undo. It knows nothing of HTTP."""

import dataclasses
import pathlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from dbal_tf.artifacts import Labels
from dbal_tf.labelling import lists, progress
from dbal_tf.labelling.leases import Leases
from dbal_tf.labelling.ledger import Ledger, as_answer
from dbal_tf.labelling.offers import DONE, Offers
from dbal_tf.labelling.predictions import Predictions, Probs, as_json
from dbal_tf.labelling.wire import Answer, Refused, Told
from dbal_tf.store.layout import how_to_go_on
from dbal_tf.store.rows import WITHDRAWN, AnswerRecord
from dbal_tf.store.run_dir import current_flags
from dbal_tf.store.writer import Store

_REMEMBERED = 4096  # replies


@dataclasses.dataclass(eq=False)
class Desk:
    """Serves the people who label one run.

    All methods must be called in the thread that owns the store's connection.

    Attributes:
        run_dir: The run's folder.
        store: The run's store; the trainer, another process, also writes to it.
        show_predictions: When a person sees what the model predicts: `never`,
            `after` the answer, or `before` it.
        leases: Who has which item.
    """

    run_dir: pathlib.Path
    store: Store
    show_predictions: str = "never"
    leases: Leases = dataclasses.field(default_factory=Leases)

    def __post_init__(self) -> None:
        reader = self.store.reader
        self.ledger = Ledger(reader, current_flags(self.run_dir, reader))
        self.offers = Offers(self.run_dir, self.ledger, self.leases)
        self._predictions = Predictions(self.run_dir)
        self._replies: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        # The items of each answer to a grid, by the id of its last row.
        self._together: dict[int, tuple[str, ...]] = {}
        self._progress = progress.Progress(self.ledger)
        self._lists: dict[str, tuple[tuple[int | None, ...], Probs, lists.Listed]] = {}

    def run(self) -> dict[str, Any]:
        """Returns the run, its budget and its state."""
        ledger = self.ledger
        ledger.refresh()
        ledger.use_flags(current_flags(self.run_dir, ledger.reader))
        state = self.offers.state()
        return {
            "id": ledger.id,
            "name": self.run_dir.absolute().name,
            "classes": list(ledger.class_names),
            "show_predictions": self.show_predictions,
            "round": ledger.last_round,
            "rounds": ledger.config.rounds,
            "state": state,
            "go_on": how_to_go_on(str(self.run_dir)),
            **self._progress.summary(state == DONE),
        }

    def curve(self) -> dict[str, list[float]]:
        """Returns the learning curve with an interval for each point."""
        self.ledger.refresh()
        return self._progress.curve()

    def next(self, annotator: str, count: int) -> dict[str, Any]:
        """Leases the next items to an annotator.

        Args:
            annotator: Who asks; leases that this annotator has are renewed.
            count: The largest number of items.
        """
        self.ledger.refresh()
        items = [
            {
                "item": offer.item,
                "use": offer.use,
                "rank": offer.rank,
                "prediction": self._shown(offer.item, "before"),
                "previous": self.ledger.answer(offer.item),
            }
            for offer in self.offers.take(annotator, count)
        ]
        return {"items": items, "left": self.offers.left(), "state": self.offers.state()}

    def answer(self, told: Told) -> dict[str, Any]:
        """Commits an answer to one or more items, in one transaction.

        A repeated request is not saved again. It is recognised by its name or, after a
        restart, by an equal answer in the store.

        Returns:
            The reply, made after the commit.

        Raises:
            Refused: An item was not asked for.
        """
        return self._once(told.annotator, told.request, lambda: self._save(told))

    def _save(self, told: Told) -> dict[str, Any]:
        ledger = self.ledger
        ledger.refresh()
        self._check(told.items)
        self.offers.asked_again.update(i for i in told.items if ledger.answer(i) == "unsure")
        new = [item for item in told.items if not self._is_said(item, told)]
        if new:
            self._tell(new, told.answer, told.annotator, told.seconds)
            self._together[ledger.last[new[-1]].id] = tuple(new)
        for item in told.items:
            self.leases.end(item)
        shown = self._shown(told.items[0], "after") or self._shown(told.items[0], "before")
        last = max(ledger.last[item].id for item in told.items)
        return {"saved": True, "answer_id": last, "prediction": shown}

    def _check(self, items: Sequence[str]) -> None:
        for item in items:
            if not self.ledger.can_be_answered(item):
                raise Refused(
                    *(404, f"{item} is no image of this run.")
                    if item not in self.ledger.items
                    else (409, f"{item} was not asked for; reload the page.")
                )

    def _is_said(self, item: str, told: Told) -> bool:
        """Returns whether the last answer to an item is this one, by the same annotator."""
        last = self.ledger.last.get(item)
        is_theirs = last is not None and last.annotator == told.annotator
        return is_theirs and self.ledger.answer(item) == told.answer

    def undo(
        self, annotator: str, request: str = "", meant: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Takes back an annotator's last answer, for all items that it was given to.

        A repeated call takes back the answer before it, also after a restart. An answer
        that somebody else has corrected meanwhile is kept. If the answer corrected
        somebody else's answer, that one becomes valid again.

        Args:
            annotator: Who gave the answer.
            request: Name of the request.
            meant: The items of the answer; the annotator's current answer to each is taken
                back. Empty: those of the last answer. If none has a current answer of the
                annotator, it was taken back before.
        """
        return self._once(annotator, request, lambda: self._take_back(annotator, meant))

    def _take_back(self, annotator: str, meant: Sequence[str]) -> dict[str, Any]:
        ledger = self.ledger
        ledger.refresh()
        self._check(meant)
        given = ledger.given.get(annotator, [])
        standing = (at for at in reversed(range(len(given))) if self._stands(given[at]))
        if meant:
            # All of them, even if the person has corrected some in another window.
            items = [item for item in meant if self._is_theirs(item, annotator)]
        elif (at := next(standing, None)) is not None:
            items = self._given_with(given[: at + 1])
        else:
            return {"item": None}
        previous = ledger.answer((items or meant)[0])
        if items:
            self._withdraw(items, annotator)
        items = items or list(meant)
        for item in items:
            self.offers.asked_again.discard(item)
            self.leases.take(item, annotator)
        use = self.offers.use(items[0])
        return {"item": items[0], "items": items, "use": use, "previous": previous}

    def _withdraw(self, items: list[str], annotator: str) -> None:
        """Takes back the last answers to items; an answer that one corrected is restored."""
        before = [self.ledger.of_others(item, annotator) for item in items]
        standing = [one for one in before if one is not None]
        restored = Labels.from_answers({one.item: as_answer(one) for one in standing})
        names = np.array([one.annotator for one in standing], np.str_)
        self.store.withdraw(items, annotator, dataclasses.replace(restored, annotators=names))
        self.ledger.refresh()

    def _stands(self, answer: AnswerRecord) -> bool:
        return answer.state != WITHDRAWN and self.ledger.first_told(answer.item) is answer

    def _is_theirs(self, item: str, annotator: str) -> bool:
        """Returns whether an item has an answer, and it is the annotator's."""
        is_answered = self.ledger.state(item) is not None
        return is_answered and self.ledger.last[item].annotator == annotator

    def _given_with(self, given: list[AnswerRecord]) -> list[str]:
        """Returns the items that the last answer was given to, in order."""
        last = given[-1]
        if last.id in self._together:
            together = self._together[last.id]
            return [item for item in together if self._is_theirs(item, last.annotator)]
        items = [last]
        # Answers from before the restart: those of one transaction have neighbouring ids, and
        # the time spent on them was divided evenly.
        for answer in reversed(given[:-1]):
            alike = (answer.id, answer.label, answer.state, answer.seconds)
            wanted = (items[-1].id - 1, last.label, last.state, last.seconds)
            if last.seconds is None or alike != wanted or answer.time != items[-1].time:
                break
            items.append(answer)
        return [answer.item for answer in reversed(items) if self._stands(answer)]

    def _tell(
        self, items: list[str], answer: Answer, annotator: str, seconds: float | None
    ) -> None:
        self.store.tell(Labels.from_answers(dict.fromkeys(items, answer)), annotator, seconds)
        self.ledger.refresh()

    def _once(self, annotator: str, request: str, do: Any) -> dict[str, Any]:
        """Does a request; if it was done before, returns the same reply again."""
        key = annotator, request
        if request and key in self._replies:
            return self._replies[key]
        reply: dict[str, Any] = do()
        if request:
            self._replies[key] = reply
            if len(self._replies) > _REMEMBERED:
                self._replies.popitem(last=False)
        return reply

    def answerable_with(self, item: str) -> list[str]:
        """Returns the items that the annotator who has an item on the screen may answer."""
        self.ledger.refresh()
        return self.offers.answerable(self.leases.holder(item))

    def lease_with(self, item: str, others: list[str]) -> list[str]:
        """Leases items to the annotator who has another one; returns the open, free items."""
        self.ledger.refresh()
        annotator = self.leases.holder(item)
        # Others may have answered while thumbnails were compared, which also ends a lease.
        unanswered = [o for o in others if self.ledger.state(o) is None]
        free = [o for o in unanswered if self.leases.is_free(o, annotator)]
        # After two minutes the lease of the item has ended; then no others are leased.
        return [o for o in free if not annotator or self.leases.take(o, annotator)]

    def renew(self, annotator: str, items: Sequence[str]) -> dict[str, Any]:
        """Renews an annotator's leases; returns the items that are still theirs to answer."""
        self.ledger.refresh()
        unanswered = (item for item in items if self.ledger.state(item) is None)
        return {"items": [item for item in unanswered if self.leases.take(item, annotator)]}

    def list(self, which: str, offset: int, count: int) -> dict[str, Any]:
        """Returns part of one of `lists.LISTS`: answered items to look at again."""
        changes = self.ledger.refresh()
        # A wrong label looks likely to a network that was trained on it.
        probs = self._predictions.out_of_sample(self.ledger.last_round)
        kept = self._lists.get(which)
        if kept is None or kept[0] != changes or kept[1] is not probs:
            kept = changes, probs, lists.LISTS[which](self.ledger, probs)
            self._lists[which] = kept
        rows, total = kept[2]
        is_shown = self.show_predictions != "never"
        part = [
            {
                "item": answer.item,
                "answer": self.ledger.answer(answer.item)
                if which != "conflicts"
                else as_answer(answer),
                "annotator": answer.annotator,
                "prediction": as_json(probs.get(answer.item)) if is_shown else None,
            }
            for answer in rows[offset : offset + count]
        ]
        return {"items": part, "total": total}

    def _shown(self, item: str, when: str) -> dict[str, Any] | None:
        if self.show_predictions != when:
            return None
        return as_json(self._predictions.of_model(self.ledger.last_round).get(item))
