"""Reading the flagfile that a run wrote, without the command line."""

import dataclasses
import io
from collections.abc import Callable
from typing import Any

from dbal_tf.config import Config
from dbal_tf.core import InputError

_FIELDS = {field.name: field for field in dataclasses.fields(Config)}
_READ: dict[type, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: {"True": True, "False": False}.__getitem__,
    tuple: lambda text: tuple(filter(None, text.split(","))),
}


def from_flagfile(text: str) -> Config:
    """Returns the settings in the text of a flagfile that `Config.to_flags` wrote.

    A flag that is not there has its default.

    Raises:
        InputError: A flag is unknown, or its value cannot be used.
    """
    values: dict[str, Any] = {}
    # Lines end at \n alone here; splitlines ends them at other characters too.
    for line in io.StringIO(text):
        line = line.removesuffix("\n")
        name, _, value = line.removeprefix("--").partition("=")
        try:
            values[name] = _READ[type(_FIELDS[name].default)](value)
        except (KeyError, ValueError):
            raise InputError(
                f"The flagfile reads {line}; expected a flag and a value that this version "
                "knows; give a flags.cfg that a run wrote."
            ) from None
    return Config(**values)


def identity_lines(text: str) -> str:
    """Returns those lines of a flagfile that are part of what its run is."""
    free = _FIELDS.keys() - Config.identity()
    lines = io.StringIO(text)
    return "".join(x for x in lines if x.removeprefix("--").partition("=")[0] not in free)
