"""Importing TensorFlow without its start-up lines.

Its C++ side writes some to file descriptor 2 before any setting counts.
"""

import contextlib
import os
import sys
from collections.abc import Iterator


def import_tensorflow() -> None:
    """Imports TensorFlow, with nothing but errors on stderr from then on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _no_stderr():
        import tensorflow as tf

    tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
