"""Tests of the room itself."""

import subprocess
import sys

from dbal_tf.config import DATASETS
from dbal_tf.datasets import LOADERS


def test_every_value_of_the_flag_has_a_loader() -> None:
    assert tuple(LOADERS) == DATASETS


def test_importing_the_room_imports_no_data_set() -> None:
    script = (
        "import sys, dbal_tf.datasets; "
        "print(sorted({'sklearn', 'tensorflow', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
