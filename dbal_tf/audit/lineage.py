"""The lineage of a model, of a round's scores or of a point on the curve."""

import hashlib
import re
import textwrap
from collections.abc import Iterator

from dbal_tf.artifacts import Labels
from dbal_tf.audit.facts import Facts
from dbal_tf.audit.shared import answers_of_model, asked_in, labels_of_model
from dbal_tf.config.flagfile import identity_lines
from dbal_tf.core import InputError
from dbal_tf.seeds import seed_for
from dbal_tf.store.rows import SAVED_MODEL, AnswerRecord, RoundRecord, labels_digest

_WIDTH = 80
_INDENT = 16
_KINDS = {
    "model": ("ExampleGen", "Trainer"),
    "score": ("ExampleGen", "Trainer", "PosteriorChooser", "GraphChooser"),
    "point": ("ExampleGen", "Trainer", "Evaluator"),
}


def lineage(facts: Facts, name: str) -> str:
    """Returns the lineage of a result as text, at most 80 columns wide.

    Args:
        facts: The run.
        name: `model/7`, `score/7` or `point/7`: the model of round 7, the scores
            of its query, or its point on the curve.

    Raises:
        InputError: The name is none of these, or the round is not committed.
    """
    match = re.fullmatch(rf"({'|'.join(_KINDS)})/(\d+)", name)
    if not match:
        raise InputError(
            f"--lineage={name} cannot be used; expected model/N, score/N or point/N with the "
            "number of a round."
        )
    kind, index = match[1], int(match[2])
    row = next((row for row in facts.rounds if row.point.round == index), None)
    if row is None:
        raise InputError(
            f"--lineage={name} names round {index}; {facts.folder} has {len(facts.rounds)} "
            "committed rounds, from 0."
        )
    lines = _of_model(facts, row)
    lines["seeds"] = ", ".join(_seeds(facts, kind, index))
    lines |= {"score": _of_scores, "point": _of_point}.get(kind, _of_export)(facts, row)
    text = [f"{name} of {facts.folder}", *(_entry(*line) for line in lines.items())]
    return "\n".join(text)


def _of_model(facts: Facts, row: RoundRecord) -> dict[str, str]:
    labels = labels_of_model(facts, row.point.round)
    at_the_start = {one.item for one in asked_in(facts, None)}
    initial = len(at_the_start.intersection(labels.ids.tolist()))
    versions = row.versions
    code = f"dbal_tf {versions['dbal_tf']}, commit {versions['commit'] or 'not known'}"
    config = hashlib.sha256(identity_lines(facts.run.flags).encode()).hexdigest()
    told_apart = ("dbal_tf", "commit", "model")
    libraries = [f"{k} {v}" for k, v in versions.items() if k not in told_apart]
    model = {"model": versions["model"]} if "model" in versions else {}
    return {
        "labels": f"{len(labels)}: {initial} initial, {len(labels) - initial} bought; "
        f"SHA-256 {labels_digest(labels)}{_changed(labels, row)}",
        "ids": " ".join(labels.ids.tolist()),
        **_corrections(facts, row.point.round),
        "data": f"{facts.config.dataset}, SHA-256 {facts.run.checksum or 'not recorded'}",
        "config": f"SHA-256 {config}",
        "weight decay": f"{row.point.weight_decay:g}",
        **model,
        "code": code,
        "libraries": ", ".join(libraries),
    }


def _corrections(facts: Facts, index: int) -> dict[str, str]:
    """Lists the corrections that a round was trained on, with the earlier answers."""
    answers = {answer.id: answer for answer in facts.answers}
    texts = []
    for answer in answers_of_model(facts, index):
        if answer.corrects is not None:
            before, name = answers[answer.corrects], _class_name
            texts.append(
                f"{answer.item} is {name(facts, answer)} ({answer.annotator}, told in round "
                f"{answer.round}), was {name(facts, before)} ({before.annotator})"
            )
    return {"corrected": "; ".join(texts)} if texts else {}


def _class_name(facts: Facts, answer: AnswerRecord) -> str:
    return answer.state if answer.label is None else facts.run.class_names[answer.label]


def _changed(labels: Labels, row: RoundRecord) -> str:
    recorded = row.labels_sha256 in (None, labels_digest(labels))
    return "" if recorded else " WRONG: they were changed since"


def _seeds(facts: Facts, kind: str, index: int) -> Iterator[str]:
    root, repetition = facts.config.seed, facts.config.repetition
    yield f"root {root}, repetition {repetition}"
    yield f"split {seed_for(root, repetition, 0, 'split')}"
    for call in facts.executions:
        if call.round == index and call.component in _KINDS[kind]:
            yield from (f"{purpose} {seed}" for purpose, seed in call.seeds.items())


def _of_export(facts: Facts, row: RoundRecord) -> dict[str, str]:
    kept = [
        f"{artifact.uri}, SHA-256 {artifact.sha256 or 'not recorded'}"
        for artifact in facts.artifacts
        if artifact.round == row.point.round and artifact.kind == SAVED_MODEL
    ]
    return {"export": kept[0]} if kept else {}


def _of_scores(facts: Facts, row: RoundRecord) -> dict[str, str]:
    config = facts.config
    bought = [label for label in facts.labels if label.round == row.point.round]
    # The last pass of --refine is exact, whatever posterior chose the candidates.
    last = (
        ("mc_dropout", config.refine_samples)
        if config.refine
        else (config.posterior, config.num_samples)
    )
    return {
        "technique": f"{','.join(config.acquisition)} by {last[0]}, {last[1]} samples",
        "scores": ", ".join(f"{label.item} {label.score!r}" for label in bought)
        or "none: the round only measured",
    }


def _of_point(facts: Facts, row: RoundRecord) -> dict[str, str]:
    del facts
    measures = row.point.evaluation.measures().items()
    return {"measures": ", ".join(f"{name} {value!r}" for name, value in measures)}


def _entry(name: str, value: str) -> str:
    return textwrap.fill(
        value,
        _WIDTH,
        initial_indent=f"  {name}".ljust(_INDENT),
        subsequent_indent=" " * _INDENT,
        break_on_hyphens=False,
    )
