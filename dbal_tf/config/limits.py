"""Help lines and limits of settings, and the check of values against them."""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from dbal_tf.core import InputError

# A flagfile is UTF-8 text with one flag per line: no control characters, no other line
# separators, no surrogates (which stand for bytes that are not UTF-8).
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# A function by module and qualified name. Names with <lambda> or <locals> cannot be
# imported, but functions that Python code passes to a run have them, and are recorded.
_PART = r"(?:[^\W\d]\w*|<lambda>|<locals>)"
_FUNCTION = re.compile(rf"[^\W\d]\w*(?:\.[^\W\d]\w*)*:{_PART}(?:\.{_PART})*")

_MOST = 2**31 - 1  # SQLite and the seeds of TensorFlow and NumPy can all hold it


def option(default: Any, help: str, **limits: Any) -> Any:
    """Returns a dataclass field with its flag's help line and its limits.

    Args:
        default: Default value; its type is the flag's type.
        help: The flag's help line.
        **limits: `choices`: the allowed values. `or_function=True`: besides
            these, the name of a function, `package.module:function`.
            `at_least`, `at_most`: inclusive bounds; an int without `at_most`
            is bounded by 2**31 - 1. `above`: exclusive lower bound of a finite
            number. `number_or`, `integer_or`: the one word that may replace a number
            or whole number >= 0.
            `identity=False`: the setting may change when a run is resumed.
    """
    if type(default) is int:
        limits.setdefault("at_most", _MOST)
    return dataclasses.field(default=default, metadata={"help": help, **limits})


def check_limits(field: dataclasses.Field[Any], value: Any) -> None:
    """Checks a setting's value; in a list, each value.

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
    """Returns what was expected if a flagfile cannot hold the text, else None."""
    if not isinstance(value, str):
        return None
    if _UNWRITABLE.search(value):
        return "UTF-8 text without control characters"
    if value != value.strip():
        return "text without spaces at its ends"
    if listed and ("," in value or value.startswith('"')):
        return "a name without commas that does not begin with a quotation mark"
    return None


def _expected(field: dataclasses.Field[Any], value: Any) -> str | None:
    """Returns what was expected if the value is outside its limits, else None."""
    limits = field.metadata
    if "choices" in limits and value not in limits["choices"]:
        if not limits.get("or_function"):
            return _one_of(limits["choices"])
        if not _FUNCTION.fullmatch(str(value)):
            return f"{', '.join(limits['choices'])} or package.module:function"
    # `not >=` and not `<`: a comparison with NaN is always false.
    if "at_least" in limits and not value >= limits["at_least"]:
        return f"at least {limits['at_least']}"
    if "at_most" in limits and not value <= limits["at_most"]:
        return f"at most {limits['at_most']}"
    if "above" in limits and not limits["above"] < value < float("inf"):
        return f"a finite number above {limits['above']:g}"
    if (word := limits.get("number_or", value)) != value and not _is_from_0(value):
        return f"a number of at least 0, or {word}"
    if (word := limits.get("integer_or", value)) != value and not str(value).isdecimal():
        return f"a whole number of at least 0, or {word}"
    return None


def _is_from_0(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


def _one_of(choices: Iterable[str]) -> str:
    return "one of " + ", ".join(choices)
