"""Checks of what browsers send: JSON bodies and query parameters."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from dbal_tf.artifacts import LABEL_STATES

Answer = int | str
"""A class index, or "skipped" or "unsure"."""

MAX_BODY = 64 * 1024
MAX_ITEMS = 500  # of one answer to a grid
_MAX_NAME, _MAX_ID, _MAX_ITEM, _MAX_SECONDS = 80, 100, 4096, 86_400.0


class Refused(Exception):
    """A request cannot be served. The text is a sentence for the person at the page.

    Attributes:
        status: The HTTP status, 4xx.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Told:
    """An answer as the page sends it.

    Attributes:
        items: The items that it is for, each once.
        answer: A class index, or one of `LABEL_STATES` except the first.
        annotator: Name of the person who gave it.
        seconds: Time spent on all items together; None if not known.
        request: The page's name for this answer: a retry has the same.
    """

    items: tuple[str, ...]
    answer: Answer
    annotator: str
    seconds: float | None
    request: str


def parse(body: bytes) -> dict[str, Any]:
    """Returns the object in a request's body.

    Raises:
        Refused: It is not a JSON object.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    # RecursionError: deep nesting exhausts the parser's stack.
    except (ValueError, RecursionError):
        raise Refused(400, "The request is not JSON; expected an object.") from None
    if not isinstance(value, dict):
        raise Refused(400, "The request is not a JSON object; expected one.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def told(body: Mapping[str, Any], num_classes: int, fixed: str) -> Told:
    """Reads an answer to one item (`item`) or to several (`items`).

    Args:
        body: The request.
        num_classes: Number of classes.
        fixed: The annotator of all answers; empty: the request names one.

    Raises:
        Refused: A value is missing or cannot be used.
    """
    names = item_names(body.get("items") if "items" in body else [body.get("item")])
    answer = _answer(body.get("answer"), num_classes)
    seconds = body.get("seconds")
    if seconds is not None and not _is_duration(seconds):
        raise Refused(400, "'seconds' must be a number from 0 to 86400, or null.")
    name = annotator(body.get("annotator"), fixed)
    return Told(names, answer, name, seconds, request_id(body.get("id")))


def _answer(value: Any, num_classes: int) -> Answer:
    states = LABEL_STATES[1:]
    # True is an int in Python, but not a class.
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < num_classes:
            raise Refused(400, f"There is no such class; expected 0 to {num_classes - 1}.")
        return value
    if isinstance(value, str) and value in states:
        return value
    raise Refused(400, f"'answer' must be a class, {' or '.join(map(repr, states))}.")


def _is_duration(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= _MAX_SECONDS


def annotator(value: Any, fixed: str = "") -> str:
    """Returns the annotator's name: `fixed` if there is one, else the value."""
    if fixed:
        return fixed
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_NAME:
        raise Refused(400, f"'annotator' must be a name of 1 to {_MAX_NAME} characters.")
    name = value.strip()
    if not name.isprintable() or name == "dataset":
        raise Refused(400, "This name cannot be used; choose another.")
    return name


def item_name(value: Any) -> str:
    """Returns an item's name; there may be no such item."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_ITEM:
        raise Refused(400, "'item' must be the name of an image.")
    return value


def item_names(value: Any) -> tuple[str, ...]:
    """Returns the names of several items, each once."""
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ITEMS:
        raise Refused(400, f"'items' must be a list of 1 to {MAX_ITEMS} images.")
    names = tuple(item_name(item) for item in value)
    if len(set(names)) < len(names):
        raise Refused(400, "An image is named twice; expected each once.")
    return names


def request_id(value: Any) -> str:
    """Returns the page's name for a request; empty if it has none."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_ID:
        raise Refused(400, f"'id' must be a text of at most {_MAX_ID} characters.")
    return value


def whole_number(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Returns a query parameter from 0 to `most`."""
    text = values.get(name, str(default))
    # ASCII only: int() would also accept other digits and underscores.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise Refused(400, f"'{name}' must be a whole number from 0 to {most}.")
    return int(text)
