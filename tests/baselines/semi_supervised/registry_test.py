"""Every name has a system of every schedule."""

import dataclasses
import inspect

import pytest

from dbal_tf.baselines.semi_supervised.registry import make
from dbal_tf.baselines.semi_supervised.system import System
from dbal_tf.config import SCHEDULES, SEMI_SUPERVISED

_ROOM = "dbal_tf.baselines.semi_supervised"


@pytest.mark.parametrize("name", SEMI_SUPERVISED)
def test_every_name_is_a_system_of_every_schedule(name):
    for schedule in SCHEDULES:
        made = make(name, schedule)
        assert dataclasses.is_dataclass(made)
        assert type(made).__dataclass_params__.frozen
        assert inspect.signature(made.fit).parameters.keys() >= (
            inspect.signature(System.fit).parameters.keys() - {"self"}
        )
        assert (type(made).__module__, made.__doc__ is None) == (f"{_ROOM}.{name}", False)


def test_a_system_is_found_by_its_name(fake_systems):
    assert type(make("pseudo_label", "light")).__name__ == "PseudoLabel"
    assert make("vat", "faithful").steps > make("vat", "tiny").steps


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_variants_are_their_systems_in_another_form(schedule):
    assert make("pseudo_label", schedule).denoising_steps > 0
    assert make("plain_pseudo_label", schedule).denoising_steps == 0
    assert len(make("ladder", schedule).denoising) == 1
    full = make("full_ladder", schedule)
    assert len(full.denoising) == len(full.units) + 2
