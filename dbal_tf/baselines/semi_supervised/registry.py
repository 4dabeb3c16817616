"""The semi-supervised systems, by name."""

import importlib

from dbal_tf.baselines.semi_supervised.system import System


def make(name: str, schedule: str) -> System:
    """Returns a system with the hyper-parameters of a schedule.

    The system's module is imported here, because some imports take seconds.

    Args:
        name: One of `config.SEMI_SUPERVISED`. It is the name of the module and, in
            camel case, of the class: `pseudo_label` is `pseudo_label.PseudoLabel`.
        schedule: One of `config.SCHEDULES`; the name of a classmethod of the class.
    """
    module = importlib.import_module(f"dbal_tf.baselines.semi_supervised.{name}")
    kind = getattr(module, "".join(part.capitalize() for part in name.split("_")))
    return getattr(kind, schedule)()
