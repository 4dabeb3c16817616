import pathlib
import shutil

import pytest

from dbal_tf import config as settings
from dbal_tf.config import SEMI_SUPERVISED, Config
from dbal_tf.core import InputError
from dbal_tf.experiments import labelled_sets
from dbal_tf.experiments.table2 import fits, run
from dbal_tf.runtime.interrupts import Interrupted


@pytest.fixture
def config(tmp_path):
    """Two systems, two repetitions."""
    return Config(
        experiment="table2",
        dataset="digits",
        systems=("ladder", "vat"),
        schedule="tiny",
        initial_per_class=10,
        validation_size=200,
        repetitions=2,
        run_dir=str(tmp_path / "table"),
    )


def test_the_fits_are_repetition_by_repetition(config):
    grid = fits(config.replace(repetition=3))
    assert [fit.path for fit in grid] == ["ladder/3", "vat/3", "ladder/4", "vat/4"]
    assert [fit.config.repetition for fit in grid] == [3, 3, 4, 4]
    assert grid[0].seed == grid[1].seed != grid[2].seed
    assert [fit.system for fit in fits(Config(experiment="table2"))] == list(SEMI_SUPERVISED)


def test_every_fit_is_done_once(config, fake_systems):
    lines = []
    results = run(config, lines.append)
    assert list(results) == ["ladder/0", "vat/0", "ladder/1", "vat/1"]
    folder = pathlib.Path(config.run_dir)
    assert lines[0] == f"ladder/0, 1 of 4: {folder}/ladder/0"
    assert lines[-2:] == ["4 of 4 fits have ended.", f"Report: {folder}/report.html"]
    assert (folder / "flags.cfg").read_text() == config.to_flags()
    labels = {path: result.labels_sha256 for path, result in results.items()}
    assert labels["ladder/0"] == labels["vat/0"] != labels["vat/1"]
    assert fake_systems.done

    fake_systems.done.clear()
    assert run(config, str) == results
    assert fake_systems.done == []


def test_a_part_is_done_here_and_another_there(config, fake_systems, tmp_path):
    run(config.replace(only=("vat/0",)), str)
    assert {system for system, *_ in fake_systems.done} == {"vat"}
    there = config.replace(run_dir=str(tmp_path / "there"))
    run(there.replace(only=("ladder", "vat/1")), str)
    shutil.copytree(pathlib.Path(there.run_dir, "ladder"), f"{config.run_dir}/ladder")
    fake_systems.done.clear()
    assert list(run(config, str)) == ["ladder/0", "vat/0", "ladder/1", "vat/1"]
    assert [entry[0] for entry in fake_systems.done if entry[1:] == ("first", 0)] == ["vat"]


def test_further_systems_and_repetitions_may_be_added(config, fake_systems):
    run(config.replace(systems=("vat",), repetitions=1), str)
    assert len(run(config, str)) == 4
    assert sum(entry == ("vat", "first", 0) for entry in fake_systems.done) == 2


def test_a_stopped_table_goes_on(config, fake_systems):
    fake_systems.stop = ("vat", "second", 2)
    with pytest.raises(Interrupted):
        run(config, str)
    before = len(fake_systems.done)
    results = run(config, str)
    assert len(results) == 4
    again = fake_systems.done[before:]
    assert again[0] == ("vat", "second", 0)
    assert again[3] == ("ladder", "first", 0)


def test_a_report_runs_nothing_and_reads_no_data(config, fake_systems, monkeypatch):
    run(config.replace(only=("vat/0",)), str)
    fake_systems.done.clear()
    monkeypatch.setattr(labelled_sets, "load", lambda *_: pytest.fail("read the data"))
    lines = []
    assert list(run(config.replace(report_only=True), lines.append)) == ["vat/0"]
    assert "Not ended: ladder/0, ladder/1, vat/1." in lines
    assert fake_systems.done == []


def test_a_report_of_nothing_is_refused(config):
    with pytest.raises(InputError, match="holds no fit that has ended"):
        run(config.replace(report_only=True), str)
    assert not pathlib.Path(config.run_dir).exists()


def test_all_is_checked_before_the_first_fit(config, fake_systems):
    bad = pathlib.Path(config.run_dir, "active", "bald", "0")
    bad.mkdir(parents=True)
    (bad / "versions.json").write_text("[]")
    with pytest.raises(InputError, match="cannot be read"):
        run(config, str)
    assert fake_systems.done == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"only": ("bald/0",)}, "--only=bald/0 names no run of the experiment; expected one"),
        ({"schedule": "light"}, "--schedule=light .the run has --schedule=tiny"),
        ({"seed": 1}, "--seed=1 .the run has --seed=0"),
        ({"initial_per_class": 200}, "other flags: --initial_per_class=200"),
    ],
)
def test_what_does_not_fit_the_folder_is_refused(config, fake_systems, changes, message):
    run(config.replace(systems=("vat",), repetitions=1), str)
    with pytest.raises(InputError, match=message):
        run(config.replace(**changes), str)


def test_other_folders_are_refused(config, tmp_path):
    folder = pathlib.Path(config.run_dir)
    folder.mkdir()
    (folder / "metadata.db").touch()
    with pytest.raises(InputError, match="holds a single run"):
        run(config, str)
    (folder / "metadata.db").rename(folder / "notes.txt")
    with pytest.raises(InputError, match="holds files but no run"):
        run(config, str)


def test_a_folder_is_of_one_set_of_labels(config, fake_systems, finished_run, monkeypatch):
    run(config, str)
    given = labelled_sets.labelled_set(config)
    other = labelled_sets.LabelledSet(given.dataset, given.labels.first(99), "bald")
    monkeypatch.setattr("dbal_tf.experiments.table2.labelled_set", lambda _: other)
    with pytest.raises(InputError, match="holds a fit with other labels_sha256"):
        run(config.replace(labels_from=str(finished_run)), str)


def test_no_folder_of_a_system_is_that_of_active_learning():
    assert "active" not in settings.SEMI_SUPERVISED
