import csv
import importlib.util
import json

import pytest
import tensorflow as tf

from dbal_tf.scaleout import score


@pytest.fixture
def flags(export, shards, tmp_path):
    return [f"--model={export}", f"--input={shards(2)}", f"--output={tmp_path / 'out'}"]


def test_digits_from_shards_to_query_and_provenance(flags, tmp_path, capsys):
    names = "scores-00007-of-00008.parquet", "dead_letter-00007-of-00008.jsonl"
    earlier = [tmp_path / "out" / name for name in names]
    others = [tmp_path / "out" / name for name in ("scores-of-others.csv", "scores-a-of-b.csv")]
    earlier[0].parent.mkdir()
    for path in (*earlier, *others):
        path.touch()
    more = ["--top=7", "--num_samples=5", "--batch=stochastic", "--direct_num_workers=1"]
    assert score.main([*flags, *more]) == 0, capsys.readouterr().err
    assert "240 images scored" in capsys.readouterr().out
    assert not any(path.exists() for path in earlier)
    assert all(path.exists() for path in others), "of somebody else"
    with open(tmp_path / "out" / "query.csv", newline="") as file:
        assert len({row["id"] for row in csv.DictReader(file)}) == 7
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["counts"] == {"scored": 240}
    assert facts["job"]["ranking"]["kind"] == "power"
    assert len(facts["model_sha256"]) == 64 and facts["versions"]["apache-beam"]


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("*.png", {"a.png"}),
        ("?/*.png", {"3/b.png", "5/c.png"}),
        ("{folder}/pool/[35]/*.png", {"3/b.png", "5/c.png"}),
    ],
)
def test_ids_of_images_are_their_paths_below_the_folder(
    export, images, tmp_path, pattern, ids, monkeypatch, capsys
):
    for name in ("a.png", "3/b.png", "5/c.png"):
        path = tmp_path / "pool" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(images[0]).numpy())
    monkeypatch.chdir(tmp_path / "pool")
    more = [f"--input={pattern.format(folder=tmp_path)}", f"--output={tmp_path / 'out'}"]
    assert score.main([f"--model={export}", *more]) == 0, capsys.readouterr().err
    with open(tmp_path / "out" / "query.csv", newline="") as file:
        assert {row["id"] for row in csv.DictReader(file)} == ids


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--acquisition=epig"], "--acquisition=epig is no score of"),
        (["--refine=10", "--top=20"], "--refine=10 is below --top=20"),
        (["--input=nowhere/*.tfrecord"], "--input=nowhere/*.tfrecord matches no file"),
        (["--input="], "--input= matches no file"),
        (["--model=nowhere"], "--model=nowhere holds no SavedModel"),
        (["--input", "a.tfrecord", "b.tfrecord", "c.tfrecord"], "b.tfrecord is no flag, nor"),
        (["--runner", "DirectRunner", "b.tfrecord"], "quote it, such as --input='POOL/train-*"),
        (["--batch=top_k", "b.tfrecord"], "b.tfrecord is no flag, nor the value of one"),
        (["--num_wrokers=3"], "--num_wrokers is no flag of this program, nor of Beam"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(flags, extra, message, capsys):
    assert score.main([*flags, *extra]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dbal_tf: ") and message in error and error.count("\n") == 1


def test_without_beam_it_says_what_to_install(flags, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert score.main(flags) == 2
    assert capsys.readouterr().err.endswith("run pip install '.[beam]'.\n")


@pytest.mark.parametrize(
    "flag",
    [
        "--top=0",
        "--seed=-1",
        "--batch=diverse",
        "--batch_size=many",
        "--temperature=-1",
        "--temperature=nan",
        f"--seed={2**63}",
    ],
)
def test_a_flag_of_the_wrong_kind(flags, flag, capsys):
    with pytest.raises(SystemExit) as end:
        score.main([*flags, flag])
    assert end.value.code == 2 and "see --help" in capsys.readouterr().err


def test_an_interrupt_is_one_sentence(flags, capsys, monkeypatch):
    def interrupted(job, arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(score.local_workers, "run", interrupted)
    assert score.main(flags) == 130
    assert capsys.readouterr().err == "dbal_tf: interrupted; the query was not written.\n"
