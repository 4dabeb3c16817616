"""Label Studio's files: tasks and a labelling configuration to import, and its exports.

The key of a task is `data.item`, because Label Studio gives tasks its own ids.
"""

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from dbal_tf.core import InputError
from dbal_tf.labelling.answer_files import Written, read_text
from dbal_tf.labelling.csv_exchange import csv_rows

_NAME = "class"  # The name of the choices, in the configuration and in exports.
_SKIPPED, _UNSURE = "skipped", "unsure"
_Answer = tuple[str, Written]
"""When an answer was given, and the answer."""


def configuration(class_names: Sequence[str]) -> str:
    """Returns the labelling configuration of a project, XML."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    options = {"name": _NAME, "toName": "image", "choice": "single", "required": "true"}
    choices = ElementTree.SubElement(view, "Choices", options, showInline="true")
    for name in (*class_names, _UNSURE):
        ElementTree.SubElement(choices, "Choice", value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def tasks(
    ids: Sequence[str],
    images: Sequence[str],
    probs: Sequence[np.ndarray | None],
    class_names: Sequence[str],
    version: str,
) -> str:
    """Returns tasks to import, JSON, in rank order.

    Args:
        ids: The items, best first.
        images: The URL of each one's picture.
        probs: The class probabilities of each item, `[c]`; None if there is no model yet.
        class_names: One name per class index.
        version: Name of the model.
    """
    rows: list[dict[str, Any]] = []
    for rank, (item, image, of_item) in enumerate(zip(ids, images, probs, strict=True), 1):
        task: dict[str, Any] = {"data": {"item": item, "rank": rank, "image": image}}
        if of_item is not None:
            value = {"choices": [class_names[int(of_item.argmax())]]}
            shown = {"from_name": _NAME, "to_name": "image", "type": "choices", "value": value}
            # Label Studio can show the lowest score first, so the score is rank / items.
            score = rank / len(ids)
            prediction = {"model_version": version, "score": score, "result": [shown]}
            task["predictions"] = [prediction]
        rows.append(task)
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def task_items(path: pathlib.Path) -> list[str] | None:
    """Returns the items of a file of tasks, in order; None if `tasks` did not write it."""
    try:
        return [task["data"]["item"] for task in json.loads(path.read_bytes())]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def read_exports(paths: Sequence[pathlib.Path]) -> list[Written]:
    """Returns the last answer to each item of some exports: JSON, JSON_MIN or CSV.

    The answer to a cancelled task is `skipped`. JSON_MIN and CSV do not contain those.

    Args:
        paths: The files; answers in a later file replace earlier ones.

    Raises:
        InputError: A file cannot be read, or is not an export.
    """
    last: dict[str, Written] = {}
    for path in paths:
        read = _from_csv if path.suffix == ".csv" else _from_json
        # The sort is stable: of answers without a time, the last in the file counts.
        for _, answer in sorted(read(path), key=lambda one: one[0]):
            last[answer.item] = answer
    return list(last.values())


def _from_csv(path: pathlib.Path) -> Iterator[_Answer]:
    for number, row in csv_rows(path, ("item",)):
        yield from _from_row(row, f"{path}, line {number}")


def _from_json(path: pathlib.Path) -> Iterator[_Answer]:
    try:
        exported = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}, is not JSON ({error.msg}); export it again."
        ) from error
    if not isinstance(exported, list):
        raise InputError(f"{path}, line 1, has no list of tasks; export it as JSON.")
    for number, task in enumerate(exported, 1):
        where = f"{path}, task {number}"
        try:
            found = list(_from_task(task, where) if "data" in task else _from_row(task, where))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{where}, is not as Label Studio exports it; export it again."
            ) from error
        yield from found


def _from_task(task: dict[str, Any], where: str) -> Iterator[_Answer]:
    item = _item(task["data"], where)
    for annotation in task.get("annotations", ()):
        time = annotation.get("updated_at") or annotation.get("created_at") or ""
        name = _name(annotation.get("completed_by"))
        if annotation.get("was_cancelled"):
            yield time, Written(item, _SKIPPED, where, name)
            continue
        values = (result["value"] for result in annotation["result"])
        chosen = [name for value in values for name in value.get("choices", ())]
        if chosen:
            yield time, Written(item, _only(chosen, where), where, name)


def _from_row(row: dict[str, Any], where: str) -> Iterator[_Answer]:
    """Reads an annotation of JSON_MIN or CSV; a task without one has no class."""
    item, given = _item(row, where), row.get(_NAME)
    # Several choices are an object, which CSV holds as text.
    if isinstance(given, str) and given.startswith('{"choices"'):
        given = json.loads(given)
    if isinstance(given, dict):
        given = _only(given["choices"], where)
    if given:
        time = row.get("updated_at") or row.get("created_at") or ""
        yield time, Written(item, given, where, _name(row.get("annotator")))


def _name(user: Any) -> str:
    """Returns the name of a user: the email address or, without one, the number."""
    if isinstance(user, dict):
        user = user.get("email") or user.get("id")
    text = str(user or "").strip()
    return f"user {text}" if text.isdecimal() else text


def _item(data: dict[str, Any], where: str) -> str:
    if not (item := data.get("item")):
        raise InputError(
            f"{where}, has no item; expected tasks that the run wrote; export that project."
        )
    return str(item)


def _only(chosen: Sequence[str], where: str) -> str:
    if len(chosen) != 1:
        raise InputError(f"{where}, has the classes {', '.join(chosen)}; choose one of them.")
    return chosen[0]
