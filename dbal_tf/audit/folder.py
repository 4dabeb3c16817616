"""Checks of what the folder shows, and of how it was made, against the store."""

import csv
import io
import json
import math
from collections.abc import Iterator

from dbal_tf.audit.facts import Facts, read_text
from dbal_tf.audit.shared import NotRecorded, asked_in, recorded_since, technique
from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.seeds import seed_for
from dbal_tf.store import csv_files
from dbal_tf.store.files import digest
from dbal_tf.store.run_dir import CURVE_FILE, FLAGS_FILE

_SHARES = ("error", "ece", "deterministic_error", "graph_error", "graph_mass_error")
_EXPORTED = ("saved_model.pb", "variables/variables.index")
_MARKER = "complete.json"  # since checksums are recorded


def flags_are_those_of_the_run(facts: Facts) -> Iterator[str]:
    """The folder's flags make the run that the store began."""
    text = read_text(facts.folder / FLAGS_FILE)
    # Read, so that flags that are newer than the run have their defaults in both.
    yield from facts.config.differing(from_flagfile(text).to_flags())


def measures_are_in_range(facts: Facts) -> Iterator[str]:
    """Measures are finite and not negative, shares at most 1."""
    for row in facts.rounds:
        for name, value in row.point.evaluation.measures().items():
            if not 0 <= value <= (1 if name in _SHARES else math.inf):
                yield f"round {row.point.round} has {name} {value}"


def curve_is_that_of_the_store(facts: Facts) -> Iterator[str]:
    """`curve.csv` shows the committed rounds, to the last digit."""
    if not facts.has_store:
        raise NotRecorded("a store")
    text, points = read_text(facts.folder / CURVE_FILE), [row.point for row in facts.rounds]
    if points and text == csv_files.curve_csv(points[:-1]):
        return  # A round is committed before its line is written.
    shown, kept = text.splitlines(), csv_files.curve_csv(points).splitlines()
    for number in range(max(len(shown), len(kept))):
        if shown[number : number + 1] != kept[number : number + 1]:
            yield f"line {number + 1} of {CURVE_FILE} is not what the store says"


def queries_are_those_of_the_store(facts: Facts) -> Iterator[str]:
    """Every `query.csv` shows what was bought: id, score, rank and label."""
    if not facts.has_store:
        raise NotRecorded("queries")
    names = facts.run.class_names
    for index in sorted({row.round for row in facts.labels if row.round is not None}):
        uri = f"rounds/{index:04d}/query.csv"
        shown = list(csv.DictReader(io.StringIO(read_text(facts.folder / uri))))
        kept = [
            {
                "id": row.item,
                "score": repr(row.score),
                "rank": str(row.rank + 1),
                **({"label": names[row.label]} if row.label in range(len(names)) else {}),
            }
            for row in asked_in(facts, index)
            if row.state == "labelled"
        ]
        columns = kept[0] if kept else ("id",)
        if [{name: row.get(name) for name in columns} for row in shown] != kept:
            yield f"{uri} is not what the store says"


def seeds_derive(facts: Facts) -> Iterator[str]:
    """Every seed comes from the root seed, repetition, round and purpose."""
    if recorded_since(facts) == math.inf:
        raise NotRecorded("what seeds were for")
    root, repetition = facts.config.seed, facts.config.repetition
    for row in facts.executions:
        if not row.purpose:
            if row.round >= recorded_since(facts):
                yield f"round {row.round} does not say what {row.component} was seeded for"
        elif row.seed != seed_for(root, repetition, row.round, row.purpose):
            yield f"round {row.round} seeded {row.component} with {row.seed}"


def every_component_ran(facts: Facts) -> Iterator[str]:
    """Every round trained and evaluated, and scored and chose what it bought."""
    if not facts.has_store:
        raise NotRecorded("executions")
    bought = {row.round for row in facts.labels}
    for row in facts.rounds:
        index = row.point.round
        ran = {call.component for call in facts.executions if call.round == index}
        choosing = (
            {"GraphAcquirer"} if technique(facts) == "mbr" else {"PoolScorer", "Acquirer"}
        )
        buying = choosing | {"Oracle"} if index in bought else set()
        for name in sorted({"Trainer", "Evaluator"} | buying - ran):
            if name not in ran:
                yield f"round {index} has no execution of {name}"


def artifacts_are_whole(facts: Facts) -> Iterator[str]:
    """What rounds left on disk is there, with its checksum."""
    if not facts.has_store:
        raise NotRecorded("artifacts")
    if facts.artifacts and recorded_since(facts) == math.inf:
        raise NotRecorded("checksums")
    for row in facts.artifacts:
        path = facts.folder / row.uri
        try:
            if not path.exists():
                yield f"{row.uri} is missing"
            elif row.sha256 is None:
                if row.round >= recorded_since(facts):
                    yield f"{row.uri} has no checksum, though its round recorded others"
            elif digest(path) != row.sha256:
                yield f"{row.uri} was changed: its checksum is another"
        except OSError as error:
            yield f"{row.uri} cannot be read ({error.strerror})"


def exports_are_complete(facts: Facts) -> Iterator[str]:
    """Every SavedModel has its parts, and a finished run has one."""
    if not facts.has_store:
        raise NotRecorded("exports")
    exports = [row for row in facts.artifacts if row.kind == "saved_model"]
    for row in exports:
        for part in (*_EXPORTED, *([_MARKER] if row.sha256 else [])):
            if not (facts.folder / row.uri / part).is_file():
                yield f"{row.uri} has no {part}"
        yield from _of_other_data(facts, f"{row.uri}/{_MARKER}")
    last = len(facts.rounds) - 1
    ended = facts.rounds and not asked_in(facts, last)
    if ended and last not in {row.round for row in exports}:
        yield f"round {last} was the last but has no export"


def _of_other_data(facts: Facts, uri: str) -> Iterator[str]:
    """An export says of which data it is, if it is not older than that."""
    path = facts.folder / uri
    told = json.loads(read_text(path)) if path.is_file() else {}
    if told.get("dataset_checksum", facts.run.checksum) != facts.run.checksum:
        yield f"{uri} is of other data than the store"
