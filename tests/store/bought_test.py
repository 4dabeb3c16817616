import pathlib

import numpy as np
import pytest

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.store.bought import read_bought
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.published import picks_csv
from dbal_tf.store.reader import RunReader

_FOLDER = pathlib.Path(__file__).parents[2] / "docs" / "results" / "figure1" / "bald" / "0"


def test_the_labels_of_a_store(finished_run):
    bought = read_bought(finished_run)
    assert bought.labels.ids.tolist() == [f"train-{row}" for row in (0, 1, 2, 5, 6, 7, 8)]
    assert bought.labels.classes.tolist() == [0, 1, 2, 1, 2, 1, 2]
    assert bought.checksum == "c" * 64
    assert bought.class_names == ("low", "middle", "high")
    assert bought.buyer == "bald, repetition 0, seed 7"


def test_published_results_have_the_same_labels(finished_run):
    stored = read_bought(finished_run)
    rows = RunReader.open(finished_run).label_rows()
    (finished_run / "picks.csv").write_text(picks_csv(rows))
    (finished_run / "versions.json").write_text("{}")
    (finished_run / STORE_FILE).unlink()
    bought = read_bought(finished_run)
    np.testing.assert_array_equal(bought.labels.ids, stored.labels.ids)
    np.testing.assert_array_equal(bought.labels.classes, stored.labels.classes)
    assert (bought.checksum, bought.class_names) == ("", ())
    assert bought.buyer == stored.buyer


def test_the_published_runs_of_figure1_can_be_read():
    bought = read_bought(_FOLDER)
    assert len(bought.labels) == len(set(bought.labels.ids.tolist())) == 1000
    assert (bought.config.dataset, bought.config.acquisition) == ("mnist", ("bald",))


def test_what_is_no_run_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="holds no run; expected a folder with metadata"):
            read_bought(folder)


def test_a_damaged_store_is_named(finished_run):
    path = finished_run / STORE_FILE
    content = bytearray(path.read_bytes())
    content[2048:-2048] = b"x" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"metadata\.db is damaged"):
        read_bought(finished_run)


def test_the_buyer_is_named_without_folders():
    assert str(Config().run_dir) not in read_bought(_FOLDER).buyer
