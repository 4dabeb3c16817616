"""Check that Apache Beam, an optional dependency, is installed."""

import importlib.util

from dbal_tf.core import InputError


def check_installed() -> None:
    """Checks that Apache Beam is installed.

    Raises:
        InputError: It is not.
    """
    if importlib.util.find_spec("apache_beam") is None:
        raise InputError(
            "Apache Beam is not installed; expected it for scoring on workers; run "
            "pip install '.[beam]'."
        )
