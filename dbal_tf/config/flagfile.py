"""Reads the flagfiles that runs write.

absl reads the flagfile that a command line names. This module reads flagfiles where
there is no command line, by the same rules: one flag per line, blank lines and comments
are skipped, and the last of two values wins.
"""

import dataclasses
import io
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from dbal_tf.config.settings import Config
from dbal_tf.core import InputError

_FIELDS = {field.name: field for field in dataclasses.fields(Config)}
_OF_VAT = ("unlabelled_batch", "vat_epsilon")
_COMMENTS = ("#", "//")  # absl's
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")  # absl's, in any case


def from_flagfile(text: str) -> Config:
    """Returns the settings in the text of a flagfile, as `Config.to_flags` writes it.

    A flag that the text does not name has its default.

    Raises:
        InputError: A line is not a flag, names an unknown flag, or has a value that
            cannot be used.
    """
    values: dict[str, Any] = {}
    for line in _lines(text):
        try:
            values[line.name] = _value(line.name, line.value)
        except (KeyError, ValueError):
            raise InputError(
                f"The flagfile reads {line.text}; expected --flag=value, a flag and a value "
                "of this version; use the flags.cfg of a run."
            ) from None
    return Config(**values)


def differing_flags(config: Config, flagfile: str, free: Collection[str] = ()) -> list[str]:
    """Returns the flags by which the settings differ from those in a flagfile.

    Values are compared, not their texts: 2.50 equals 2.5. Settings that may change
    when a run is resumed (its folder, its number of rounds and so on) are left
    out, and so are those of `--trainer=vat` where it is not used. A flag that the
    flagfile does not name has its default, so that flags can be added later.

    Args:
        config: The settings.
        flagfile: The text of a flagfile that `Config.to_flags` wrote.
        free: Further settings to leave out.

    Returns:
        Texts such as `--seed=1 (the run has --seed=0)`.

    >>> differing_flags(Config(weight_decay="2.5"), "--weight_decay=2.50")
    []
    """
    written = {line.name: line.value for line in _lines(flagfile) if line.name}
    ours, theirs = config.texts(), Config().texts() | written
    # Flags that this version does not know count too: an older run may depend on them.
    fixed = Config.identity() | written.keys() - ours.keys()
    unused = () if "vat" in (ours["trainer"], theirs["trainer"]) else _OF_VAT
    names = [
        name
        for name in sorted(fixed - {*free, *unused})
        if _comparable(name, ours.get(name)) != _comparable(name, theirs[name])
    ]
    given = [f"--{n}={ours[n]}" if n in ours else f"no --{n}" for n in names]
    return [
        f"{flag} (the run has --{name}={theirs[name]})"
        for flag, name in zip(given, names, strict=True)
    ]


def _comparable(name: str, text: str | None) -> Any:
    """Returns a flag's value in a form in which equal settings compare equal.

    Two texts may mean the same setting: 2.5 and 2.50, true and True. Text that
    cannot be parsed, or belongs to an unknown flag, is returned unchanged.
    """
    if text is None:
        return None
    try:
        value = _value(name, text)
    except (KeyError, ValueError):
        return text
    if not _FIELDS[name].metadata.keys() & {"number_or", "integer_or"}:
        return value
    # Kept as text, because a word such as auto may stand for the number.
    try:
        return float(value)
    except ValueError:
        return value


def identity_lines(text: str) -> str:
    """Returns the lines of a flagfile with the flags that identify its run."""
    free = _FIELDS.keys() - Config.identity()
    return "".join(f"{line.text}\n" for line in _lines(text) if line.name not in free)


class _Line(NamedTuple):
    """A line of a flagfile; `name` is empty if it is not `--name=value`."""

    text: str
    name: str
    value: str


def _lines(text: str) -> Iterator[_Line]:
    # StringIO ends lines at \n alone; splitlines would also end them at characters
    # that a value may hold.
    for line in map(str.strip, io.StringIO(text)):
        if not line or line.startswith(_COMMENTS):
            continue
        name, equals, value = line.partition("=")
        is_flag = name.startswith("--") and equals
        yield _Line(line, name[2:] if is_flag else "", value)


def _value(name: str, text: str) -> Any:
    """Parses a flag's text; raises KeyError or ValueError if that is impossible."""
    return _PARSERS[type(_FIELDS[name].default)](text)


def _boolean(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.lower() in _TRUE


def _names(text: str) -> tuple[str, ...]:
    # Without absl's quoting: limits.py refuses names that would need it.
    return tuple(name.strip() for name in text.split(",")) if text else ()


_PARSERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _boolean,
    tuple: _names,
}
