import dataclasses
import json

import pytest

from dbal_tf.baselines.semi_supervised.registry import make
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.experiments.fit_result import read_result
from dbal_tf.experiments.labelled_sets import LabelledSet, labelled_set
from dbal_tf.experiments.table2 import fits
from dbal_tf.runtime.interrupts import Interrupted
from dbal_tf.store import lock


@pytest.fixture(scope="module")
def given():
    return labelled_set(Config(dataset="digits", initial_per_class=10, validation_size=200))


@pytest.fixture
def fit(tmp_path):
    """A fit of vat in a folder of its own."""
    return fits(
        Config(
            experiment="table2",
            dataset="digits",
            systems=("tsvm", "vat"),
            schedule="tiny",
            initial_per_class=10,
            validation_size=200,
            run_dir=str(tmp_path / "table"),
        )
    )[1]


@pytest.fixture
def run(fit, given, fake_systems):
    """Runs the fit; returns its result and what it said."""

    def run_it(schedule="tiny", to=fit):
        lines = []
        return to.run(make("vat", schedule), given, lines.append), lines

    return run_it


def _files(fit):
    return {path.name for path in fit.folder.iterdir()}


def test_what_a_fit_leaves(fit, run, given, fake_systems):
    result, lines = run()
    assert read_result(fit.folder) == result
    assert _files(fit) == {"flags.cfg", "begun.json", "result.json", "tensorboard"}
    assert (result.labels, result.unlabelled, result.validation) == (100, 900, 200)
    assert (result.system, result.schedule, result.bought_by) == ("vat", "tiny", "")
    assert result.hyper_parameters == {"steps": 6, "widths": [4, 2]}
    assert result.dataset_checksum == given.dataset.checksum
    assert {"commit", "tensorflow"} < result.versions.keys()
    assert 0.05 < result.error < 0.3
    assert fake_systems.given[3] == result.seed == fit.seed
    assert lines[0].startswith("vat/0: first: 6 of 6 steps, loss ")
    assert lines[-1].startswith(f"vat/0: {100 * result.error:.2f} % test error in ")


def test_its_flags_repeat_it_in_its_place(fit, run):
    run()
    flags = (fit.folder / "flags.cfg").read_text()
    for flag in ("only=vat/0", f"run_dir={fit.config.run_dir}", "systems=tsvm,vat"):
        assert f"--{flag}\n" in flags


def test_a_stopped_fit_goes_on_and_ends_equal(fit, run, fake_systems, tmp_path):
    fake_systems.stop = ("vat", "second", 4)
    with pytest.raises(Interrupted):
        run()
    assert read_result(fit.folder) is None
    assert "checkpoints" in _files(fit)
    before = json.loads((fit.folder / "checkpoints" / "seconds.json").read_text())
    (fit.folder / "checkpoints" / "seconds.json").write_text(str(before + 1000))
    fake_systems.done.clear()
    result, _ = run()
    assert [entry for entry in fake_systems.done if entry[1] == "first"] == []
    assert 1000 < result.seconds < 1100
    assert "checkpoints" not in _files(fit)

    whole = dataclasses.replace(fit, config=fit.config.replace(run_dir=str(tmp_path / "two")))
    assert run(to=whole)[0].error == result.error


def test_one_that_has_ended_is_not_done_again(run, fake_systems):
    result, _ = run()
    fake_systems.done.clear()
    assert run() == (result, [])
    assert fake_systems.done == []


def test_other_hyper_parameters_are_refused_while_it_is_under_way(fit, run, fake_systems):
    fake_systems.stop = ("vat", "first", 2)
    with pytest.raises(Interrupted):
        run()
    with pytest.raises(InputError, match="holds a fit with other hyper_parameters; give it"):
        run("light")


@pytest.mark.parametrize("ended", [True, False])
def test_other_labels_are_refused(fit, run, given, fake_systems, ended):
    fake_systems.stop = None if ended else ("vat", "first", 0)
    if ended:
        run()
    else:
        with pytest.raises(Interrupted):
            run()
    fewer = LabelledSet(given.dataset, given.labels.first(90))
    with pytest.raises(InputError, match="holds a fit with other labels_sha256; give it the"):
        fit.check_given(fewer)
    dataset = dataclasses.replace(given.dataset, checksum="other")
    with pytest.raises(InputError, match="other dataset_checksum"):
        fit.check_given(LabelledSet(dataset, given.labels))
    fit.check_given(given)


def test_other_flags_are_refused(fit, run):
    run()
    for changes in ({"seed": 3}, {"schedule": "light"}, {"initial_per_class": 9}):
        other = dataclasses.replace(fit, config=fit.config.replace(**changes))
        [(name, value)] = changes.items()
        with pytest.raises(InputError, match=f"run of other flags: --{name}={value} "):
            other.check_folder()


def test_a_folder_that_is_in_use_is_refused(fit, run):
    fit.folder.mkdir(parents=True)
    with lock.hold(fit.folder), pytest.raises(InputError, match="is in use by process"):
        run()


def test_what_cannot_be_read_is_named(fit, given):
    fit.folder.mkdir(parents=True)
    for text in ("{", "[1]"):
        (fit.folder / "begun.json").write_text(text)
        with pytest.raises(InputError, match=r"begun\.json cannot be read"):
            fit.check_given(given)
