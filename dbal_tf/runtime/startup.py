"""Importing TensorFlow: its fast convolutions on, its start-up lines off."""

import contextlib
import os
import sys
from collections.abc import Iterator


def import_tensorflow(quietly: bool = True, jit_compile: bool = False) -> None:
    """Imports TensorFlow as every process of this program wants it.

    oneDNN is on, which TensorFlow leaves off on CPUs without AVX-512, though
    convolutions take half the time with it there. Its sums round otherwise,
    so a run that goes on in another process needs the same setting.

    Args:
        quietly: Whether to keep all but errors from stderr.
        jit_compile: Whether XLA compiles what it can of every graph.
    """
    if jit_compile:
        flags = os.environ.get("TF_XLA_FLAGS", "")
        os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if quietly:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow's C++ side writes some lines before any setting counts.
    with _no_stderr() if quietly else contextlib.nullcontext():
        import tensorflow as tf

    if quietly:
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
