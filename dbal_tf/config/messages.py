"""Messages about errors on the command line, in plain words."""

import re

# Patterns of absl's messages, and their replacements.
_PLAIN = (
    (r"ERROR:: Unable to open flagfile: \[Errno \d+\] (.*): '(.*)'", r"--flagfile=\2: \1"),
    (r"flag (--.*): invalid literal for int.*", r"\1 is not a whole number"),
    (r"flag (--.*): could not convert string to float.*", r"\1 is not a number"),
    (r"(.* Did you mean: .*) \?", r"\1?"),
)


def plain(error: Exception) -> str:
    """Returns the first line of an absl error, in plain words and without a full stop.

    >>> plain(ValueError("flag --rounds=x: invalid literal for int() with base 10: 'x'"))
    '--rounds=x is not a whole number'
    """
    line = str(error).splitlines()[0].rstrip(".")
    if isinstance(error, UnicodeDecodeError):
        return f"The flagfile is not UTF-8: {line}"
    for pattern, words in _PLAIN:
        line = re.sub(f"^{pattern}$", words, line)
    return line
