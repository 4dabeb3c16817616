"""The active learning loop: the only room that knows the order of components."""

from dbal_tf.loop.asking import Run, run

__all__ = ["Run", "run"]
