"""The limits that no setting of the program has; config_test.py has the others."""

import dataclasses

import pytest

from dbal_tf.config.limits import check_limits, option
from dbal_tf.core import InputError


@dataclasses.dataclass
class _Settings:
    share: float = option(0.5, "A share.", at_least=0.0, at_most=1.0)
    rate: float = option(1.0, "A rate.", above=0.0)
    penalty: str = option("auto", "A penalty.", number_or="auto")
    steps: str = option("0", "Steps.", integer_or="auto")
    names: tuple[str, ...] = option((), "Names.")
    maker: str = option("plain", "A maker.", choices=("plain", "fancy"), or_function=True)


_FIELDS = {field.name: field for field in dataclasses.fields(_Settings)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("share", 0), ("share", 1), ("rate", 1e-300), ("names", ())),
        *(("penalty", "auto"), ("penalty", "0.5"), ("penalty", "0"), ("names", ("a b", '1"'))),
        *(("steps", "auto"), ("steps", "0"), ("steps", "2000")),
        *(("maker", "fancy"), ("maker", "nets:build"), ("maker", "a.b_1.c:Class.build")),
        *(("maker", "__main__:make.<locals>.build"), ("maker", "nets:<lambda>")),
    ],
)
def test_what_keeps_to_its_limits(name, value):
    check_limits(_FIELDS[name], value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("share", -0.1, "at least 0.0"),
        ("share", 1.1, "at most 1.0"),
        ("share", float("nan"), "at least 0.0"),
        ("rate", 0.0, "a finite number above 0"),
        ("rate", float("inf"), "a finite number above 0"),
        ("penalty", "Auto", "a number of at least 0, or auto"),
        ("penalty", "-1", "a number of at least 0, or auto"),
        ("steps", "2.5", "a whole number of at least 0, or auto"),
        ("steps", "-1", "a whole number of at least 0, or auto"),
        ("names", ("fine", "a\nb"), "UTF-8 text without control characters"),
        ("names", ("fine", "a\x85b"), "UTF-8 text without control characters"),
        ("names", ("fine", "a\u2028b"), "UTF-8 text without control characters"),
        ("names", ("fine", " a"), "text without spaces at its ends"),
        ("names", ("fine", "a\xa0"), "text without spaces at its ends"),
        ("names", ("fine", "a,b"), "a name without commas"),
        ("names", ("fine", '"a'), "a name without commas"),
        ("maker", "other", "plain, fancy or package.module:function"),
        ("maker", "a.b", "plain, fancy or package.module:function"),
        ("maker", "a/b.py:c", "plain, fancy or package.module:function"),
        ("maker", "a:1c", "plain, fancy or package.module:function"),
        ("maker", len, "plain, fancy or package.module:function"),
    ],
)
def test_what_does_not(name, value, expected):
    with pytest.raises(InputError, match=f"expected {expected}"):
        check_limits(_FIELDS[name], value)


def test_help_and_limits_stay_with_the_field():
    assert _FIELDS["share"].metadata == {"help": "A share.", "at_least": 0.0, "at_most": 1.0}
    assert _Settings().share == 0.5
