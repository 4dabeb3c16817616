"""Which items are offered next, and in which order."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator

from dbal_tf.labelling.leases import Leases
from dbal_tf.labelling.ledger import Ledger
from dbal_tf.store import lock
from dbal_tf.store.layout import STATE_FILE
from dbal_tf.store.rows import TEST, VALIDATION

TRAINING, ASKING, DONE, STOPPED = "training", "asking", "done", "stopped"
_UNSURE = "unsure"


@dataclasses.dataclass(frozen=True)
class Offer:
    """An item to label.

    Attributes:
        item: Its id.
        use: `start`, `query`, `reserve`, `test`, `validation`, or `unsure`: asked again.
        rank: Its place among those of its use, from 0.
    """

    item: str
    use: str
    rank: int


def written_state(run_dir: pathlib.Path) -> str:
    """Returns the state that the trainer last wrote."""
    try:
        value = json.loads((run_dir / STATE_FILE).read_bytes())
        return str(value["state"])
    # Not written yet, or by another version: the store decides.
    except (OSError, ValueError, KeyError, TypeError):
        return ASKING


@dataclasses.dataclass(eq=False)
class Offers:
    """Chooses what each annotator labels next.

    The items that the run waits for come first, by rank. While the network trains, and
    whenever the run waits for nothing, other items follow, so that nobody has to wait:
    the reserve, the test and validation items, and once more the items that somebody was
    unsure of. An item that is leased to somebody else is not offered.

    Attributes:
        run_dir: The run's folder.
        ledger: The run's labels.
        leases: Who has which item.
        asked_again: Unsure items that were offered again and answered.
    """

    run_dir: pathlib.Path
    ledger: Ledger
    leases: Leases
    asked_again: set[str] = dataclasses.field(default_factory=set)

    def state(self) -> str:
        """Returns what the run is doing: `training`, `asking`, `done` or `stopped`.

        It is stopped if it has to train but no process does so.
        """
        written, is_open = self._written(), bool(self.ledger.open()[0])
        # An answer may have been taken back after the trainer wrote its state.
        if is_open and written != TRAINING:
            return ASKING
        if not is_open and written == DONE:
            return DONE
        return TRAINING if lock.is_held(self.run_dir) else STOPPED

    def _written(self) -> str:
        return written_state(self.run_dir)

    def take(self, annotator: str, count: int) -> list[Offer]:
        """Leases the first free items to an annotator; fewer if there are fewer."""
        taken: list[Offer] = []
        for offer in self._order(annotator):
            if len(taken) == count:
                break
            if self.leases.take(offer.item, annotator):
                taken.append(offer)
        return taken

    def left(self) -> int:
        """Returns how many items are open now, for all annotators together."""
        return sum(1 for _ in self._order(None))

    def use(self, item: str) -> str:
        """Returns the use under which an item is offered, if it has no answer."""
        if item in self.ledger.uses:
            return self.ledger.uses[item]
        if item in self.ledger.start:
            return "start"
        return "reserve" if item in self.ledger.open()[1] else "query"

    def answerable(self, annotator: str) -> list[str]:
        """Returns all items without an answer that an annotator may answer now."""
        ledger, (pending, reserve) = self.ledger, self.ledger.open()
        items = [*ledger.withdrawn(), *pending, *reserve]
        items += ledger.unanswered(TEST) + ledger.unanswered(VALIDATION)
        return [item for item in dict.fromkeys(items) if self.leases.is_free(item, annotator)]

    def _order(self, annotator: str | None) -> Iterator[Offer]:
        """Yields all open items in the order in which they are offered, each once.

        Args:
            annotator: Whose leases do not count; None: no lease counts.
        """
        ledger, (pending, reserve) = self.ledger, self.ledger.open()
        returned = [i for i in ledger.withdrawn() if i not in {*pending, *reserve}]
        for rank, item in enumerate(returned):
            yield Offer(item, self.use(item), rank)
        ranks = {item: rank for rank, item in enumerate(ledger.query)}
        free = False
        for item in pending:
            use = ledger.uses.get(item, "start" if ledger.last_round is None else "query")
            free = free or annotator is None or self.leases.is_free(item, annotator)
            yield Offer(item, use, ranks[item])
        written = self._written()
        if written == DONE or (free and written != TRAINING):
            return
        # If others have all items that the run waits for, the reserve is not needed yet:
        # an answer to it would take the place of a better item.
        if not pending or written == TRAINING:
            for item in reserve:
                yield Offer(item, "reserve", ranks[item])
        seen = {*returned, *pending}
        for use in (TEST, VALIDATION):
            for rank, item in enumerate(ledger.unanswered(use)):
                if item not in seen:
                    yield Offer(item, use, rank)
        unsure = [a.item for a in reversed(ledger.with_state(_UNSURE))]
        for rank, item in enumerate(i for i in unsure if i not in self.asked_again):
            yield Offer(item, _UNSURE, rank)
