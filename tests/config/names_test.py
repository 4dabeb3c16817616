import re

import pytest

from dbal_tf.config import names

_TUPLES = {name: value for name, value in vars(names).items() if isinstance(value, tuple)}


@pytest.mark.parametrize("of", _TUPLES)
def test_names_are_distinct_and_can_be_folders(of):
    assert len(set(_TUPLES[of])) == len(_TUPLES[of]) > 0
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in _TUPLES[of])


def test_only_table2_is_no_grid():
    assert set(names.EXPERIMENTS) - set(names.GRIDS) == {"table2"}
