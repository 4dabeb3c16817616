import dataclasses

import pytest

from dbal_tf.components.csv_oracle import CsvOracle
from dbal_tf.components.label_studio_oracle import LabelStudioOracle
from dbal_tf.config import Config
from dbal_tf.core import InputError


@pytest.mark.parametrize("kind", [CsvOracle, LabelStudioOracle])
def test_oracles_of_files_are_made_and_checked_alike(kind, toy, finished_run):
    config = Config(dataset="digits", run_dir=str(finished_run), data_dir="images")
    oracle = kind.from_config(config, toy)
    made = oracle.run_dir, oracle.data_dir, oracle.annotator
    assert made == (str(finished_run), "images", "person")
    oracle.check()
    with oracle.attend(pytest.fail):
        pass
    names = dataclasses.replace(toy, class_names=("low", "skipped", "high"))
    with pytest.raises(InputError, match="A class has the name skipped"):
        kind.from_config(config, names).check()
