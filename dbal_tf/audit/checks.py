"""All checks of a run. Each yields a phrase for every violation that it finds."""

import csv
from collections.abc import Callable, Iterator

from dbal_tf.audit import folder, purchases
from dbal_tf.audit.facts import Facts
from dbal_tf.audit.shared import NotRecorded
from dbal_tf.core import InputError

Check = Callable[[Facts], Iterator[str]]
# The errors caused by values that no run writes: the audit reports them and goes on.
UNREADABLE = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
    csv.Error,
)
CHECKS: tuple[Check, ...] = (
    folder.flags_are_those_of_the_run,
    purchases.rounds_follow_each_other,
    purchases.no_id_is_bought_twice,
    purchases.every_round_has_its_labels,
    purchases.labels_are_as_they_were_learnt,
    purchases.labels_are_classes,
    purchases.items_are_in_their_split,
    purchases.scores_are_in_range,
    purchases.bald_is_below_entropy,
    folder.measures_are_in_range,
    folder.curve_is_that_of_the_store,
    folder.queries_are_those_of_the_store,
    folder.seeds_derive,
    folder.every_component_ran,
    folder.artifacts_are_whole,
    folder.exports_are_complete,
)


def check(one: Check, facts: Facts) -> tuple[bool, str]:
    """Returns whether a check passes, and its line: its name and its outcome."""
    try:
        problems = list(one(facts))
    except NotRecorded as reason:
        return True, _line(one, f"not recorded: {reason}")
    except InputError as error:
        problems = [str(error).rstrip(".")]
    except OSError as error:
        problems = [f"a file cannot be read: {error}"]
    except UNREADABLE as error:
        problems = [f"a value cannot be read: {error}"]
    if not problems:
        return True, _line(one, "ok")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return False, _line(one, f"WRONG: {problems[0]}{more}")


def _line(one: Check, outcome: str) -> str:
    return f"  {one.__name__.replace('_', ' '):<32}{outcome}"
