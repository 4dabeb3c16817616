import json
import pathlib
import shutil
import sqlite3

import numpy as np
import pytest

from dbal_tf import loop
from dbal_tf.components.example_gen import load
from dbal_tf.core import InputError
from dbal_tf.datasets import digits
from dbal_tf.datasets.shard_writer import write_shards
from dbal_tf.experiments import engine
from dbal_tf.experiments.engine import count_classes, run
from dbal_tf.experiments.grid import Experiment, Variant, cells
from dbal_tf.experiments.outcome import read_run
from dbal_tf.experiments.registry import EXPERIMENTS
from dbal_tf.store import csv_files
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.files import write_atomically


def test_each_repetition_and_seed_has_its_own_split(tiny):
    initial = [
        set(load(tiny.replace(seed=seed, repetition=repetition)).splits.initial_ids)
        for seed, repetition in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert initial[0] == initial[1]
    assert initial[0] != initial[2] != initial[3] != initial[0]


def _grid(config):
    return cells(EXPERIMENTS[config.experiment], config, lambda: 10)


@pytest.fixture
def recorded(monkeypatch, write_run):
    """Replaces the loop by one that notes what it was given and leaves a finished run."""
    runs = []

    def record(config, dataset, say):
        runs.append((config, dataset))
        [cell] = _grid(config)
        errors = [0.5, 0.4, 0.2, *[0.1] * config.rounds][: config.rounds + 1]
        write_run(cell, errors, len(dataset.class_names))

    monkeypatch.setattr(loop, "run", record)
    return runs


def test_techniques_share_the_data_of_a_repetition(tiny, recorded):
    config = tiny.replace(acquisition=("bald", "random"), repetitions=2)
    lines = []
    curves = run(config, lines.append)
    assert [one for one, _ in recorded] == [cell.config for cell in _grid(config)]
    datasets = [dataset for _, dataset in recorded]
    assert datasets[0] is datasets[1] is not datasets[2]
    assert datasets[2] is datasets[3]
    assert {name: len(of_name) for name, of_name in curves.items()} == {"bald": 2, "random": 2}
    folder = pathlib.Path(config.run_dir)
    assert lines[0] == f"bald, repetition 0: {folder}/bald/0"
    assert (folder / "flags.cfg").read_text() == config.to_flags()
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_variants_that_begin_with_as_many_labels_share_their_data(tiny, recorded):
    config = tiny.replace(experiment="figure2", acquisition=("bald",))
    run(config, lambda _: None)
    assert recorded[0][1] is recorded[1][1]
    recorded.clear()
    run(config.replace(experiment="table1", rounds=9, run_dir=f"{config.run_dir}2"), str)
    assert [len(data.splits.initial_ids) for _, data in recorded] == [20, 100, 100]
    assert recorded[1][1] is recorded[2][1]


def test_variants_that_change_the_data_get_their_own(tiny, recorded, monkeypatch):
    changes = {
        "plain": {},
        "posterior": {"posterior": "deterministic"},
        "validation": {"validation_size": 50},
        "pool": {"pool_size": 200},
        "classes": {"classes": ("2", "8")},
    }
    variants = tuple(Variant(name, name, change) for name, change in changes.items())
    monkeypatch.setitem(EXPERIMENTS, "figure2", Experiment("", lambda *_: [], variants))
    run(tiny.replace(experiment="figure2", acquisition=("bald",)), str)
    plain, posterior, validation, pool, classes = (dataset for _, dataset in recorded)
    assert posterior is plain
    assert [len(one.splits.validation_ids) for one in (plain, validation)] == [100, 50]
    assert len(pool.splits.pool_ids) == 200 < len(plain.splits.pool_ids)
    assert classes.class_names == ("2", "8")


@pytest.fixture
def of_three(tiny, tmp_path):
    """Settings of table1 on shards of three classes, 2 of each at the start."""
    source, shards = digits.load(""), tmp_path / "shards"
    for split, items, classes in (
        ("train", source.train, source.train_classes),
        ("test", source.test, source.test_classes),
    ):
        rows = np.flatnonzero(classes < 3)
        write_shards(shards, split, items.images[rows], classes[rows], items.ids[rows])
    return tiny.replace(
        experiment="table1",
        acquisition=("bald",),
        dataset="tfrecord",
        data_dir=str(shards),
        rounds=9,
    )


def _forget_stores(folder):
    """Leaves of the runs what tools/collect_results.py would keep."""
    for store in folder.rglob("metadata.db"):
        write_atomically(store.parent / "curve.csv", curve_csv(read_run(store.parent).curve))
        (store.parent / "versions.json").write_text(json.dumps({"commit": "abc"}))
        store.unlink()


def test_three_classes_end_with_as_many_labels_by_every_variant(
    of_three, recorded, monkeypatch
):
    run(of_three, str)
    sizes = [
        (len(dataset.splits.initial_ids), config.rounds, config.acquisition_size)
        for config, dataset in recorded
    ]
    assert sizes == [(6, 9, 10), (30, 13, 5), (30, 13, 5)]  # 96 labels and 95.

    monkeypatch.setattr(engine, "load", lambda _: pytest.fail("read the data"))
    folder = pathlib.Path(of_three.run_dir)
    for forget in (lambda _: None, _forget_stores):
        forget(folder)
        run(of_three.replace(report_only=True), str)
        assert "| authors/bald/0 | 13 of 13 |" in (folder / "report.md").read_text()


def test_the_classes_of_some_data_sets_are_known(tiny, monkeypatch):
    monkeypatch.setattr(engine, "load", lambda _: pytest.fail("read the data"))
    for dataset in ("digits", "mnist"):
        assert count_classes(EXPERIMENTS["table1"], tiny.replace(dataset=dataset)) == 10


def test_a_report_of_no_run_needs_no_data(of_three, monkeypatch):
    monkeypatch.setattr(engine, "load", lambda _: pytest.fail("read the data"))
    with pytest.raises(InputError, match=r"No technique has a round to draw in table1\.svg"):
        run(of_three.replace(report_only=True), pytest.fail)
    assert not pathlib.Path(of_three.run_dir).exists()


def test_the_classes_are_counted_though_a_store_is_damaged(of_three, recorded):
    run(of_three.replace(rounds=3), str)
    first, second, _ = (pathlib.Path(config.run_dir) for config, _ in recorded)
    for folder in (first, second):
        _damage(folder)
    assert count_classes(EXPERIMENTS["table1"], of_three) == 3
    with pytest.raises(InputError, match=r"figure1/bald/0/metadata\.db .* in recovered\.csv"):
        run(of_three, pytest.fail)


@pytest.fixture
def damaged(tiny, recorded):
    """Settings of a grid of two finished runs, the store of one of them damaged."""
    config = tiny.replace(experiment="figure1", acquisition=("bald", "random"))
    run(config, str)
    recorded.clear()
    _damage(pathlib.Path(config.run_dir, "bald", "0"))
    return config


def _damage(folder):
    database = sqlite3.connect(folder / "metadata.db")
    with database:
        database.execute("UPDATE rounds SET evaluation = '{' WHERE round = 0")
    database.close()


def test_a_report_of_a_damaged_store_writes_nothing(damaged):
    before = {path: path.read_bytes() for path in _files_of(damaged)}
    for config in (damaged.replace(report_only=True), damaged.replace(only=("random",))):
        with pytest.raises(
            InputError, match=r"bald/0/metadata\.db is damaged .*; start the run"
        ):
            run(config, pytest.fail)
        assert {path: path.read_bytes() for path in _files_of(damaged)} == before


def test_starting_a_damaged_run_saves_what_can_be_read(damaged):
    with pytest.raises(InputError, match=r"20 labels and 4 rounds .* are in recovered\.csv"):
        run(damaged, pytest.fail)
    assert pathlib.Path(damaged.run_dir, "bald/0/recovered.csv").is_file()


def _files_of(config):
    return [path for path in pathlib.Path(config.run_dir).rglob("*") if path.is_file()]


def test_finished_runs_are_not_done_again(tiny, recorded):
    config = tiny.replace(acquisition=("bald", "random"))
    run(config, lambda _: None)
    recorded.clear()
    more, lines = config.replace(repetitions=2), []
    curves = run(more, lines.append)
    assert [one.run_dir for one, _ in recorded] == [
        f"{config.run_dir}/{name}/1" for name in ("bald", "random")
    ]
    assert lines[:2] == [f"bald, repetition 0: {config.run_dir}/bald/0", "finished before"]
    assert [len(of_name) for of_name in curves.values()] == [2, 2]
    assert (pathlib.Path(config.run_dir) / "flags.cfg").read_text() == more.to_flags()


def test_a_run_that_was_cut_short_says_how_it_gets_its_model(tiny, recorded):
    run(tiny, lambda _: None)
    shutil.rmtree(pathlib.Path(tiny.run_dir, "export"))
    lines = []
    run(tiny.replace(rounds=1), lines.append)
    assert lines[1] == "finished before, but no model was exported; --rounds=4 exports one"


def test_a_part_can_be_done_here_and_the_rest_be_copied(tiny, recorded, tmp_path):
    config = tiny.replace(experiment="figure1", acquisition=("bald", "random"), repetitions=2)
    run(config.replace(only=("bald/1", "random")), lambda _: None)
    assert [one.run_dir for one, _ in recorded] == [
        f"{config.run_dir}/{path}" for path in ("random/0", "bald/1", "random/1")
    ]
    folder = pathlib.Path(config.run_dir)
    assert (folder / "flags.cfg").read_text() == config.to_flags()
    assert "Missing: bald/0." in (folder / "report.md").read_text()
    there = config.replace(run_dir=str(tmp_path / "there"))
    run(there.replace(only=("bald/0",)), lambda _: None)
    (tmp_path / "there" / "bald" / "0").rename(folder / "bald" / "0")
    recorded.clear()
    run(config.replace(report_only=True), lambda _: None)
    assert recorded == []
    assert "4 of 4 runs are finished." in (folder / "report.md").read_text()


def test_a_published_run_of_other_flags_is_not_taken(tiny, write_run):
    config = tiny.replace(experiment="figure1", acquisition=("bald",))
    (cell,) = _grid(config)
    write_run(cell, [0.5, 0.4, 0.3, 0.2])
    folder = pathlib.Path(cell.config.run_dir)
    write_atomically(folder / "curve.csv", curve_csv(read_run(folder).curve))
    (folder / "versions.json").write_text("{}")
    (folder / "metadata.db").unlink()
    with pytest.raises(
        InputError, match=r"bald/0 holds .*--pool_subset=70 \(the run has --pool_"
    ):
        run(config.replace(report_only=True, pool_subset=70), pytest.fail)
    run(config.replace(report_only=True), lambda _: None)


def test_a_report_needs_neither_the_flags_of_the_folder_nor_the_data(
    tiny, write_run, monkeypatch
):
    monkeypatch.setattr(engine, "load", lambda _: pytest.fail("read the data"))
    config = tiny.replace(experiment="figure1", acquisition=("bald", "random"))
    write_run(_grid(config)[0], [0.5, 0.4])
    run(config.replace(report_only=True), lambda _: None)
    folder = pathlib.Path(config.run_dir)
    assert "bald/0 (round 1 of 3)" in (folder / "report.md").read_text()
    assert (folder / "flags.cfg").read_text() == config.to_flags()
    assert not (folder / "random").exists()


def test_a_report_of_nothing_leaves_nothing(tiny, tmp_path):
    config = tiny.replace(experiment="figure1", report_only=True)
    with pytest.raises(InputError, match=r"No technique has a round to draw in figure1\.svg"):
        run(config, pytest.fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("experiment", ["run", "figure1"])
def test_a_single_run_is_no_experiment_of_several(tiny, recorded, experiment):
    run(tiny, lambda _: None)
    several = tiny.replace(experiment=experiment, repetitions=2)
    with pytest.raises(InputError, match="holds a single run; expected the folder of an exp"):
        run(several, pytest.fail)


def test_an_experiment_with_other_settings_is_refused(tiny, recorded):
    config = tiny.replace(experiment="figure1", acquisition=("bald",))
    run(config, lambda _: None)
    with pytest.raises(InputError, match=r"--seed=5 \(the run has --seed=4\)"):
        run(config.replace(acquisition=("random",), seed=5), pytest.fail)
    run(config.replace(acquisition=("random",), repetition=1), lambda _: None)


def test_a_run_from_before_a_flag_is_still_the_same_run(tiny, recorded):
    config = tiny.replace(experiment="figure1", acquisition=("bald",))
    run(config, lambda _: None)
    path = pathlib.Path(config.run_dir, "bald", "0", "flags.cfg")
    write_atomically(path, path.read_text().replace("--kernel_size=4\n", ""))
    run(config.replace(report_only=True), lambda _: None)
    other = config.replace(kernel_size=3, report_only=True, run_dir=f"{config.run_dir}")
    with pytest.raises(InputError, match=r"--kernel_size=3 \(the run has --kernel_size=4\)"):
        run(other, pytest.fail)


def test_nothing_begins_before_all_runs_are_checked(tiny, recorded, tmp_path):
    config = tiny.replace(acquisition=("bald", "random"))
    other = tmp_path / "run" / "random" / "0"
    other.mkdir(parents=True)
    (tmp_path / "run" / "flags.cfg").write_text(config.to_flags())
    (other / "flags.cfg").write_text(config.replace(seed=77).to_flags())
    with pytest.raises(InputError, match=r"--seed=4 \(the run has --seed=77\)"):
        run(config, pytest.fail)
    assert recorded == []


def test_a_pool_that_is_too_small_leaves_no_folder(tiny, recorded, tmp_path):
    with pytest.raises(InputError, match="--rounds=109 of 10 images need 1090, the pool holds"):
        run(tiny.replace(rounds=109), pytest.fail)
    assert recorded == []
    assert list(tmp_path.iterdir()) == []


def test_the_data_are_read_before_anything_is_written(tiny, monkeypatch, tmp_path):
    def unreadable(config):
        raise InputError("no data.")

    monkeypatch.setattr(engine, "load", unreadable)
    with pytest.raises(InputError, match="no data"):
        run(tiny, pytest.fail)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_behind_its_last_commit_gets_its_curve(tiny, recorded):
    run(tiny, lambda _: None)
    recorded.clear()
    path = pathlib.Path(tiny.run_dir) / "curve.csv"
    whole = (
        path.read_text() if path.exists() else csv_files.curve_csv(read_run(path.parent).curve)
    )
    path.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    run(tiny, lambda _: None)
    assert path.read_text() == whole
    before = path.stat().st_mtime_ns
    run(tiny, lambda _: None)
    assert (recorded, path.stat().st_mtime_ns) == ([], before)
