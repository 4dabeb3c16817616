"""The semi-supervised systems by their names."""

import importlib

from dbal_tf.baselines.semi_supervised.system import System


def make(name: str, schedule: str) -> System:
    """Returns a system with the hyper-parameters of a schedule.

    A system's file is imported only now: some take seconds.

    Args:
        name: One of `config.SEMI_SUPERVISED`; names the file, and in capitals
            the class: `pseudo_label` is `pseudo_label.PseudoLabel`.
        schedule: One of `config.SCHEDULES`, a classmethod of it.
    """
    module = importlib.import_module(f"dbal_tf.baselines.semi_supervised.{name}")
    kind = getattr(module, "".join(part.capitalize() for part in name.split("_")))
    return getattr(kind, schedule)()
