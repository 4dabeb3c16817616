"""Wrong flags in plain words, by the program's own parser."""

import doctest

import pytest

from dbal_tf.config import messages


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--flagfile=absent.cfg", "--flagfile=absent.cfg: No such file or directory"),
        ("--rounds=many", "--rounds=many is not a whole number"),
        ("--learning_rate=fast", "--learning_rate=fast is not a number"),
        ("--aquisition=bald", "Unknown command line flag 'aquisition'. Did you mean: acquis"),
    ],
)
def test_a_wrong_flag_is_told_in_plain_words(program, flag, says):
    status, out, err = program(flag)
    assert (status, out) == (2, "")
    assert err.startswith(f"dbal_tf: {says}")
    assert err.endswith("; see --help for all flags.\n")


def test_examples_in_docstrings():
    assert doctest.testmod(messages).failed == 0
