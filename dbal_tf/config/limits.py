"""A setting's default, help line and limits, and whether a value keeps to them."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from dbal_tf.core import InputError

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_MOST = 2**31 - 1


def option(default: Any, help: str, **limits: Any) -> Any:
    """Returns a dataclass field with its flag's help line and its limits.

    Limits: `choices`; `at_least`, `at_most` (of whole numbers what 32 bits
    hold, if nothing is said), `above`; `number_or`, the one word
    that may stand for a number from 0; `identity=False` for a setting that may
    differ when a run goes on.
    """
    if type(default) is int:
        limits.setdefault("at_most", _MOST)
    return dataclasses.field(default=default, metadata={"help": help, **limits})


def check_limits(field: dataclasses.Field, value: Any) -> None:
    """Checks a setting's value, or each of them if it is a list.

    Raises:
        InputError: A value is outside the field's limits.
    """
    if field.default and value == ():
        raise InputError(
            f"--{field.name} is empty; expected {_one_of(field.metadata['choices'])}."
        )
    listed = isinstance(value, tuple)
    for one in value if listed else (value,):
        if expected := _unwritable(one, listed):
            one = ascii(one)
        else:
            expected = _expected(field, one)
        if expected:
            raise InputError(f"--{field.name}={one} cannot be used; expected {expected}.")


def _unwritable(value: Any, listed: bool) -> str | None:
    """What was expected instead of text that a flagfile cannot keep; None if it can."""
    if not isinstance(value, str):
        return None
    if _UNWRITABLE.search(value):
        return "UTF-8 text without control characters"
    if value != value.strip():
        return "text without spaces at its ends"
    if listed and ("," in value or value.startswith('"')):
        return "a name without commas that does not begin with a quotation mark"
    return None


def _expected(field: dataclasses.Field, value: Any) -> str | None:
    """What was expected instead of a value; None if it is right."""
    limits = field.metadata
    if "choices" in limits and value not in limits["choices"]:
        return _one_of(limits["choices"])
    if "at_least" in limits and not value >= limits["at_least"]:  # NaN is not.
        return f"at least {limits['at_least']}"
    if "at_most" in limits and not value <= limits["at_most"]:
        return f"at most {limits['at_most']}"
    if "above" in limits and not limits["above"] < value < float("inf"):
        return f"a finite number above {limits['above']:g}"
    if (word := limits.get("number_or", value)) != value and not _is_from_0(value):
        return f"a number from 0 or {word}"
    return None


def _is_from_0(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


def _one_of(choices: Iterable[str]) -> str:
    return "one of " + ", ".join(choices)
