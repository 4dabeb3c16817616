"""The active learning loop: the only package that knows the order of the components."""

from dbal_tf.loop.asking import Run, run

__all__ = ["Run", "run"]
