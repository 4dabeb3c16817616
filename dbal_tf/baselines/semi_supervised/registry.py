"""The semi-supervised systems, by name."""

import importlib

from dbal_tf.baselines.semi_supervised.system import System

# The system of each variant, and what its schedules are called with.
_VARIANTS = {
    "plain_pseudo_label": ("pseudo_label", {"denoising": False}),
    "full_ladder": ("ladder", {"full": True}),
}


def make(name: str, schedule: str) -> System:
    """Returns a system with the hyper-parameters of a schedule.

    The system's module is imported here, because some imports take seconds.

    Args:
        name: One of `config.SEMI_SUPERVISED` or `config.VARIANTS`. A system's name is
            that of its module and, in camel case, of its class: `pseudo_label` is
            `pseudo_label.PseudoLabel`.
        schedule: One of `config.SCHEDULES`; the name of a classmethod of the class.
    """
    system, variant = _VARIANTS.get(name, (name, {}))
    module = importlib.import_module(f"dbal_tf.baselines.semi_supervised.{system}")
    kind = getattr(module, "".join(part.capitalize() for part in system.split("_")))
    return getattr(kind, schedule)(**variant)
