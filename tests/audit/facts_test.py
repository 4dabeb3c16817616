import pathlib

import pytest

from dbal_tf.audit.facts import find_runs, read_facts, read_text
from dbal_tf.core import InputError

_RESULTS = pathlib.Path(__file__).parents[2] / "docs" / "results"


def test_a_run_is_known_by_its_store(finished_run):
    facts = read_facts(finished_run)
    assert (facts.has_store, facts.config.seed, facts.run.checksum) == (True, 7, "c" * 64)
    assert [row.point.labels for row in facts.rounds] == [3, 5, 7]
    assert [row.item for row in facts.labels][3:] == [
        "train-5",
        "train-6",
        "train-7",
        "train-8",
    ]
    assert set(facts.splits) == {"initial", "validation", "pool", "test", "train"}
    assert [row.kind for row in facts.artifacts] == ["query", "query", "saved_model"]
    assert [(row.item, row.rank) for row in facts.answers][2:5] == [
        *(("train-2", None), ("train-5", 0), ("train-6", 1))
    ]
    assert [row.item for row in facts.asked if row.round == 0] == [
        *("train-5", "train-6", "train-7")
    ]


def test_published_results_are_known_by_their_files():
    facts = read_facts(_RESULTS / "mnist" / "random")
    assert (facts.has_store, facts.config.acquisition) == (False, ("random",))
    first, second = facts.labels[0], facts.labels[20]
    assert (first.item, first.label, first.round, first.rank) == ("train-38233", 9, None, 0)
    assert (second.round, second.rank, second.score) == (0, 0, 0.0)
    assert facts.rounds[1].point.labels == 30
    answers = [(row.item, row.label, row.round, row.rank) for row in facts.answers]
    assert answers == [(row.item, row.label, row.round, row.rank) for row in facts.labels]
    assert (facts.asked, facts.executions, facts.splits) == ((), (), {})
    assert facts.rounds[0].versions["commit"] == "83f6211f3cf9"


def test_runs_are_found_in_their_folder_and_below(finished_run):
    assert find_runs(finished_run) == [finished_run]
    assert find_runs(finished_run.parent) == [finished_run]
    assert _RESULTS / "mnist" / "random" in find_runs(_RESULTS)
    for folder in (finished_run / "rounds", finished_run / "absent"):
        with pytest.raises(InputError, match="holds no run; expected a folder with metadata"):
            find_runs(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("picks.csv", "id,label\n"),
        ("picks.csv", "round,rank,id,class,score\n0,1,a\n"),
        ("picks.csv", ""),
        ("picks.csv", f'"{"x" * 200_000}'),
        ("versions.json", "{"),
        ("versions.json", "[]"),
        ("curve.csv", "round\n"),
    ],
)
def test_results_that_cannot_be_read(tmp_path, name, text):
    for path in (_RESULTS / "mnist" / "random").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(text)
    sentence = rf"^{tmp_path}/{name} cannot be read \(.*\); .*; put the file back\.$"
    with pytest.raises(InputError, match=sentence):
        read_facts(tmp_path)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "flags.cfg").write_bytes(b"\xff\xfe")
    for name in ("flags.cfg", "absent"):
        with pytest.raises(InputError, match=rf"{name} cannot be read \(.*; put the file back"):
            read_text(tmp_path / name)
