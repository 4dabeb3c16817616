import dataclasses

import pytest

from dbal_tf.components.csv_oracle import CsvOracle
from dbal_tf.components.label_studio_oracle import LabelStudioOracle
from dbal_tf.config import Config
from dbal_tf.core import InputError


@pytest.mark.parametrize("kind", [CsvOracle, LabelStudioOracle])
def test_oracles_of_files_are_made_and_checked_alike(kind, toy):
    config = Config(dataset="digits", run_dir="runs/mine", data_dir="images")
    oracle = kind.from_config(config, toy)
    made = oracle.run_dir, oracle.data_dir, oracle.annotator
    assert made == ("runs/mine", "images", "person")
    oracle.check()
    with oracle.attend(print):
        pass
    names = dataclasses.replace(toy, class_names=("low", "skipped", "high"))
    with pytest.raises(InputError, match="A class has the name skipped"):
        kind.from_config(config, names).check()
