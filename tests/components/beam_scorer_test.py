"""Scores by Beam in the loop: the purchases of a run that scores by itself."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from dbal_tf.audit import command as audit
from dbal_tf.components.beam_scorer import BeamScorer, scorer_for
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.datasets import digits
from dbal_tf.datasets.shard_writer import write_shards
from dbal_tf.experiments.engine import run
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters")

_BEAM = Config(dataset="tfrecord", data_dir="shards", scorer="beam")


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> pathlib.Path:
    """Some digits as they are, in shards."""
    folder, source = tmp_path_factory.mktemp("shards"), digits.load("")
    for split, items, classes, count in (
        ("train", source.train, source.train_classes, 3),
        ("test", source.test, source.test_classes, 1),
    ):
        rows = slice(0, 200)
        images, ids = np.asarray(items.images[rows]), items.ids[rows]
        write_shards(folder, split, images, classes[rows], ids, count, encoded=False)
    return folder


def _bought(config: Config) -> list[tuple[str, float]]:
    run(config, lambda _: None)
    with Store(pathlib.Path(config.run_dir)) as store:
        rows = store.reader.asked()
        return [(row.item, row.score) for row in rows if row.round is not None]


def test_a_run_buys_what_it_buys_alone(tiny, shards, tmp_path, capsys):
    pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install '.[beam]'")
    config = tiny.replace(
        dataset="tfrecord",
        data_dir=str(shards),
        acquisition=("bald",),
        rounds=1,
        pool_subset=0,
        export_every=-1,
    )
    alone = _bought(config.replace(run_dir=str(tmp_path / "alone")))
    beam = config.replace(run_dir=str(tmp_path / "beam"), scorer="beam")
    found = _bought(beam.replace(beam_options="--direct_num_workers=1"))
    assert [item for item, _ in found] == [item for item, _ in alone]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in alone], atol=1e-5)
    facts = tmp_path / "beam" / "rounds" / "0000" / "scaleout.json"
    assert len(json.loads(facts.read_text())["model_sha256"]) == 64
    left = tmp_path / "beam" / "scaleout" / "last"
    assert list(left.glob("scores-*")) == [] and not (left / "model").exists()
    assert audit.main([str(tmp_path / "beam")]) == 0, capsys.readouterr().out


def test_a_flag_that_beam_does_not_know_is_found_before_anything_is_written(
    tiny, shards, tmp_path
):
    pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install '.[beam]'")
    config = tiny.replace(
        dataset="tfrecord",
        data_dir=str(shards),
        acquisition=("bald",),
        scorer="beam",
        run_dir=str(tmp_path / "run"),
    )
    for options, says in (
        ("--direct_num_worker=2", "--direct_num_worker is no flag of this program"),
        ("'--runner=X", "No closing quotation"),
    ):
        with pytest.raises(
            InputError, match=f"--beam_options={options} cannot be used: {says}"
        ):
            run(config.replace(beam_options=options), lambda _: None)
    assert not (tmp_path / "run").exists()


def test_which_scorer_a_run_has() -> None:
    assert type(scorer_for(Config())) is PoolScorer


def test_without_beam_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"run pip install '\.\[beam\]'"):
        BeamScorer.from_config(_BEAM)


@pytest.mark.parametrize("name", ["data_dir", "run_dir"])
def test_folders_that_beam_takes_for_a_pattern(name, tmp_path, monkeypatch) -> None:
    pytest.importorskip("apache_beam", reason="needs Apache Beam: pip install '.[beam]'")
    folder = str(tmp_path / "pool[1]")
    with pytest.raises(InputError) as error:
        BeamScorer.from_config(_BEAM.replace(**{name: folder}))
    assert str(error.value) == (
        f"--{name}={folder} has a [ in its path, {folder}, which Apache Beam takes for a "
        "pattern; expected a path without [, * and ?; rename the folder, or make a link to it."
    )
    pathlib.Path(folder).mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match="--data_dir=shards has a "):
        BeamScorer.from_config(_BEAM)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "mnist"}, "--scorer=beam cannot be used with --dataset=mnist"),
        ({"acquisition": ("epig",)}, "cannot be used with --acquisition=epig"),
        ({"refine": 500}, "cannot be used with --refine=500"),
        (
            {"model": "keras.applications:VGG16"},
            "with --model=keras.applications:VGG16 without --train_trunk",
        ),
        ({"scorer": "local", "beam_options": "--x"}, "--beam_options=--x is for --scorer=beam"),
    ],
)
def test_what_beam_does_not_score(changes, message) -> None:
    with pytest.raises(InputError, match=message):
        _BEAM.replace(**changes)
