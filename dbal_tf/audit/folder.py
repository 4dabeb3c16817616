"""Checks of the files in the folder, seeds and executions against the store."""

import dataclasses
import json
import sys
from collections.abc import Iterator

from dbal_tf.artifacts import PHASES, CurvePoint
from dbal_tf.audit.facts import Facts, read_text
from dbal_tf.audit.shared import is_waiting, needs_store, since_it_ended
from dbal_tf.config.flagfile import differing_flags, from_flagfile
from dbal_tf.seeds import seed_for
from dbal_tf.store.csv_files import curve_csv, query_csv
from dbal_tf.store.files import digest
from dbal_tf.store.layout import CURVE_FILE, EXPORT_MARKER, FLAGS_FILE, query_file
from dbal_tf.store.rows import SAVED_MODEL

_SHARES = (
    *("error", "ece", "deterministic_error", "graph_error", "graph_mass_error"),
    *("auc", "sensitivity"),
)
_EXPORTED = ("saved_model.pb", "variables/variables.index", EXPORT_MARKER)
_LAST_OF_ROUND = "query"


def flags_are_those_of_the_run(facts: Facts) -> Iterator[str]:
    """The folder's flags are those that the run began with."""
    text = read_text(facts.folder / FLAGS_FILE)
    # Parsed and written again, so that flags newer than the run have their defaults in both.
    yield from differing_flags(facts.config, from_flagfile(text).to_flags())


def measures_are_in_range(facts: Facts) -> Iterator[str]:
    """Measures are finite and not negative; shares are at most 1."""
    for row in facts.rounds:
        evaluation = row.point.evaluation
        # A person may not have labelled a test item yet: then nothing is measured.
        if facts.config.oracle != "dataset" and not evaluation.reliability:
            continue
        for name, value in evaluation.measures().items():
            # `not <=`, because a comparison with NaN is always false.
            if not 0 <= value <= (1 if name in _SHARES else sys.float_info.max):
                yield f"round {row.point.round} has {name} {value}"


def curve_is_that_of_the_store(facts: Facts) -> Iterator[str]:
    """`curve.csv` shows the committed rounds, to the last digit."""
    needs_store(facts, "a store")
    path, points = facts.folder / CURVE_FILE, [row.point for row in facts.rounds]
    if not points and not path.exists():
        return  # A run that was killed before its first round has a store and no curve.
    shown, kept = read_text(path).splitlines(), curve_csv(points).splitlines()
    if points and _is_behind(facts, shown):
        return
    for number in range(max(len(shown), len(kept))):
        if shown[number : number + 1] != kept[number : number + 1]:
            yield f"line {number + 1} of {CURVE_FILE} is not what the store says"


def _is_behind(facts: Facts, shown: list[str]) -> bool:
    """Returns whether the curve lacks only what was committed last.

    The store is written before `curve.csv`, and the page writes only the store. So a run
    that was killed before it wrote the curve, and not started again, is not wrong.
    """
    rounds = [row.point for row in facts.rounds]
    return _shows(facts, shown, rounds) or _shows(facts, shown, rounds[:-1])


def _shows(facts: Facts, shown: list[str], rounds: list[CurvePoint]) -> bool:
    """Returns whether the curve shows these rounds, the last one perhaps with other times."""
    kept = curve_csv(rounds).splitlines()
    if not rounds or len(shown) != len(kept):
        return shown == kept
    if _earlier(facts, shown) != _earlier(facts, kept):
        return False
    last = rounds[-1]
    if any(row.round == last.round for row in facts.asked):
        # The round was repeated with a query, or answered since: its measures are the same,
        # but not its times.
        first_time = kept[0].split(",").index(f"{PHASES[0]}_seconds")
        return shown[-1].split(",")[:first_time] == kept[-1].split(",")[:first_time]
    told = [row.seconds or 0.0 for row in facts.answers if row.round == last.round]
    before = (last.seconds | {"label": sum(told[:count])} for count in range(len(told)))
    lines = (curve_csv([dataclasses.replace(last, seconds=one)]) for one in before)
    return shown[-1] == kept[-1] or any(shown[-1] == x.splitlines()[-1] for x in lines)


def _earlier(facts: Facts, lines: list[str]) -> list[list[str]]:
    """Returns the cells of all lines except the last, without times that may grow later."""
    label = lines[0].split(",").index("label_seconds")
    # A person may answer more of an earlier query, such as of its reserve.
    grows = [label] if facts.config.oracle != "dataset" else []
    return [[c for i, c in enumerate(x.split(",")) if i not in grows] for x in lines[:-1]]


def queries_are_those_of_the_store(facts: Facts) -> Iterator[str]:
    """Every `query.csv` shows the answered items: id, score, rank and label."""
    needs_store(facts, "queries")
    shown = {row.round for row in facts.artifacts if row.kind == _LAST_OF_ROUND}
    for index in sorted({row.round for row in facts.labels if row.round is not None}):
        if index not in shown and is_waiting(facts, index):
            continue  # It is written when the round has all its answers.
        uri = query_file(index)
        try:
            names, states = facts.run.class_names, since_it_ended(facts, index)
            kept = [query_csv(rows, names) for rows in states]
        except IndexError:  # A class without a name; `labels_are_classes` reports it.
            continue
        if read_text(facts.folder / uri) not in kept:
            yield f"{uri} is not what the store says"


def seeds_derive(facts: Facts) -> Iterator[str]:
    """Every seed is derived from root seed, repetition, round and purpose."""
    needs_store(facts, "seeds")
    root, repetition = facts.config.seed, facts.config.repetition
    for row in facts.executions:
        for purpose, seed in row.seeds.items():
            if seed != seed_for(root, repetition, row.round, purpose):
                yield f"round {row.round} seeded {row.component} with {seed}"


def every_component_ran(facts: Facts) -> Iterator[str]:
    """Every round ran a trainer and an evaluator, and a chooser if it has a query."""
    needs_store(facts, "executions")
    asking = {row.round for row in facts.asked}
    for row in facts.rounds:
        index = row.point.round
        ran = {call.component for call in facts.executions if call.round == index}
        for name in ("Evaluator", "Trainer"):
            if name not in ran:
                yield f"round {index} has no execution of {name}"
        if index in asking and not any(name.endswith("Chooser") for name in ran):
            yield f"round {index} has no execution of a chooser"


def artifacts_are_whole(facts: Facts) -> Iterator[str]:
    """The files that rounds wrote are there, and their checksums are the same."""
    needs_store(facts, "artifacts")
    for row in facts.artifacts:
        path = facts.folder / row.uri
        try:
            if not path.exists():
                yield f"{row.uri} is missing"
            elif digest(path) != row.sha256:
                yield f"{row.uri} was changed: its checksum differs"
        except OSError as error:
            yield f"{row.uri} cannot be read ({error.strerror})"


def exports_are_complete(facts: Facts) -> Iterator[str]:
    """Every SavedModel is complete, and a finished run has one unless exports are off."""
    needs_store(facts, "exports")
    exports = [row for row in facts.artifacts if row.kind == SAVED_MODEL]
    for row in exports:
        for part in _EXPORTED:
            if not (facts.folder / row.uri / part).is_file():
                yield f"{row.uri} has no {part}"
        yield from _of_other_data(facts, f"{row.uri}/{EXPORT_MARKER}")
    # A run may be resumed with another --export_every.
    flags = from_flagfile(read_text(facts.folder / FLAGS_FILE))
    if not facts.rounds or flags.export_every < 0:
        return
    last = facts.rounds[-1].point.round
    has_asked = any(row.round == last for row in facts.asked)
    if not has_asked and last not in {row.round for row in exports}:
        yield f"round {last} was the last but has no export"


def _of_other_data(facts: Facts, uri: str) -> Iterator[str]:
    """An export was trained on the data of the run."""
    path = facts.folder / uri
    told = json.loads(read_text(path)) if path.is_file() else {}
    if told.get("dataset_checksum", facts.run.checksum) != facts.run.checksum:
        yield f"{uri} names other data than the store"
