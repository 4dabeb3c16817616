"""Tests of the package's public names."""

import subprocess
import sys

import pytest

import dbal_tf as dbal
from dbal_tf import artifacts, baselines, config, core
from dbal_tf.bayesian import inference, statistics

_PUBLIC = {
    "Config": config.Config,
    "InputError": core.InputError,
    "Labels": artifacts.Labels,
    "PredictiveStatistics": statistics.PredictiveStatistics,
    "predictive_statistics": inference.predictive_statistics,
    "baselines": baselines,
}


@pytest.mark.parametrize("name", _PUBLIC)
def test_a_public_name_is_that_of_its_room(name: str) -> None:
    assert getattr(dbal, name) is _PUBLIC[name]
    assert name in dir(dbal)


def test_all_are_the_public_names() -> None:
    assert {*_PUBLIC, "Run", "acquisition", "bayesian"} == set(dbal.__all__)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="module 'dbal_tf' has no attribute 'Model'"):
        _ = dbal.Model


def test_names_are_loaded_when_they_are_used() -> None:
    script = (
        "import sys, dbal_tf as dbal\n"
        "dbal.Config(), dbal.InputError, dir(dbal)\n"
        "print(sorted({'tensorflow', 'keras', 'scipy', 'numpy'} & set(sys.modules)))\n"
        "dbal.baselines.harmonic\n"
        "print(sorted({'tensorflow', 'keras', 'scipy', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "['numpy', 'scipy']"], done.stderr
