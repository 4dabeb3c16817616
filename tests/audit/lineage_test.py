import dataclasses
import hashlib

import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.audit.facts import read_facts
from dbal_tf.audit.lineage import lineage
from dbal_tf.config.flagfile import from_flagfile, identity_lines
from dbal_tf.seeds import seed_for
from dbal_tf.store.files import digest
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import labels_digest
from dbal_tf.store.writer import Store


def _entries(folder, name):
    """The first line, and the values of the others by their names."""
    title, *lines = lineage(read_facts(folder), name).splitlines()
    assert all(len(line) <= 80 for line in lines)
    entries = {}
    for line in lines:
        if key := line[:16].strip():
            entries[key] = line[16:]
        else:
            entries[list(entries)[-1]] += " " + line[16:]
    return title, entries


def test_the_lineage_of_a_model(finished_run):
    title, entries = _entries(finished_run, "model/2")
    assert title == f"model/2 of {finished_run}"
    labels = labels_digest(RunReader.open(finished_run).labels())
    flags = (finished_run / "flags.cfg").read_text()
    config = hashlib.sha256(identity_lines(flags).encode()).hexdigest()
    assert entries == {
        "labels": f"7: 3 initial, 4 bought; SHA-256 {labels}",
        "ids": "train-0 train-1 train-2 train-5 train-6 train-7 train-8",
        "data": f"digits, SHA-256 {'c' * 64}",
        "config": f"SHA-256 {config}",
        "weight decay": "2.5",
        "code": "dbal_tf 0.1.0, commit 0123456789ab",
        "libraries": "python 3.11.7",
        "seeds": "root 7, repetition 0, split "
        f"{seed_for(7, 0, 0, 'split')}, fit {seed_for(7, 0, 2, 'fit')}",
        "export": f"export/2, SHA-256 {digest(finished_run / 'export/2')}",
    }


def test_the_lineage_of_scores_and_of_a_point(finished_run):
    _, scores = _entries(finished_run, "score/1")
    assert scores["labels"].startswith("5: 3 initial, 2 bought")
    assert (
        f"masks {seed_for(7, 0, 1, 'masks')}, ties {seed_for(7, 0, 1, 'ties')}"
        in (scores["seeds"])
    )
    assert scores["technique"] == "bald by mc_dropout, 100 samples"
    assert scores["scores"] == "train-7 0.5, train-8 0.25"
    _, none = _entries(finished_run, "score/2")
    assert none["scores"] == "none: the round only measured"
    _, point = _entries(finished_run, "point/0")
    assert point["seeds"].endswith(f"test {seed_for(7, 0, 0, 'test')}")
    assert point["measures"] == (
        "error 0.5, nll 1.0, brier 0.5, ece 0.25, deterministic_error 0.5, "
        "deterministic_nll 1.25"
    )


def test_scores_that_were_refined_are_exact(finished_run):
    facts = read_facts(finished_run)
    config = facts.config.replace(posterior="gaussian_dropout", refine=40, refine_samples=30)
    text = lineage(dataclasses.replace(facts, config=config), "score/1")
    assert "bald by mc_dropout, 30 samples" in text


@pytest.mark.parametrize("index", [0, 2])
def test_a_model_of_an_earlier_round_has_fewer_labels(finished_run, index):
    assert _entries(finished_run, f"model/{index}")[1]["labels"].startswith(f"{3 + 2 * index}:")


def test_the_digest_of_settings_does_not_depend_on_the_folder(finished_run):
    flags = (finished_run / "flags.cfg").read_text()
    moved = from_flagfile(flags).replace(run_dir="elsewhere", rounds=99).to_flags()
    assert identity_lines(moved) == identity_lines(flags)


def test_a_correction_shows_in_the_rounds_that_learn_it_alone(finished_run):
    before = [lineage(read_facts(finished_run), f"model/{index}") for index in range(3)]
    told = {"train-5": 0, "train-7": "unsure", "train-1": "skipped"}
    with Store(finished_run) as store:
        store.tell(Labels.from_answers(told), "person", 3.0)
        # As if round 2 had begun after that.
        store._connection.execute("UPDATE begun SET last_answer = 10 WHERE round = 2")
    for index in range(2):
        assert lineage(read_facts(finished_run), f"model/{index}") == before[index]
    _, entries = _entries(finished_run, "model/2")
    assert entries["corrected"] == (
        "train-1 is skipped (person, told in round 2), was middle (dataset); "
        "train-5 is low (person, told in round 2), was middle (dataset); "
        "train-7 is unsure (person, told in round 2), was middle (dataset)"
    )
    assert entries["labels"].startswith("5: 2 initial, 3 bought;")
    # Round 2 was committed before: it did not learn what it is now said to know.
    assert entries["labels"].endswith(" WRONG: they were changed since")


def test_a_correction_of_an_initial_label_told_at_the_end_changes_no_lineage(finished_run):
    before = [lineage(read_facts(finished_run), f"model/{index}") for index in range(3)]
    with Store(finished_run) as store:
        store.tell(Labels.from_answers({"train-0": 1}), "person")
    after = [lineage(read_facts(finished_run), f"model/{index}") for index in range(3)]
    assert after == before
