"""Importing TensorFlow, with oneDNN and without its start-up messages.

If matplotlib and scikit-learn are installed, Keras imports them for galleries and wrappers
that are not used here. This takes a third of the start-up time, so they are hidden from Keras.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

_UNUSED = ("matplotlib", "sklearn")


def import_tensorflow(quietly: bool = True, jit_compile: bool = False) -> None:
    """Imports TensorFlow with the settings that all processes of a run share.

    oneDNN is switched on: it halves the time of convolutions even on CPUs without
    AVX-512, where TensorFlow leaves it off. It rounds sums differently, so a run has
    to be resumed with the same setting.

    Args:
        quietly: Whether to suppress messages on stderr, except errors.
        jit_compile: Whether XLA compiles the parts of each graph that it supports.
    """
    if jit_compile:
        flags = os.environ.get("TF_XLA_FLAGS", "")
        os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"
    # setdefault: a user who has set a variable keeps that value.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if quietly:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's C++ code writes some messages before it has read any setting.
    with _no_stderr() if quietly else contextlib.nullcontext(), _hidden(_UNUSED):
        import keras  # noqa: F401
        import tensorflow as tf

    if quietly:
        tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    # The file descriptor, not sys.stderr, which C++ code does not use.
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _hidden(packages: Sequence[str]) -> Iterator[None]:
    """Makes packages look as if they were not installed, unless already imported."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
