import importlib.util

import pytest

from dbal_tf.core import InputError
from dbal_tf.scaleout.extra import check_installed


def test_what_is_missing_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="Apache Beam is not installed"):
        check_installed()
