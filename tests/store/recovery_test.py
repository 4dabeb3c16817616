import csv
import re

from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.recovery import damage_sentence


def test_all_of_a_whole_store_is_saved(finished_run):
    sentence = damage_sentence(finished_run, "torn page")
    assert sentence == (
        f"{finished_run / STORE_FILE} is damaged (torn page); 7 labels and 3 rounds could be "
        "read and are in recovered.csv beside it; remove metadata.db-wal and metadata.db-shm, "
        "if there, then put it back from a copy or choose another --run_dir."
    )
    with open(finished_run / "recovered.csv") as file:
        rows = list(csv.DictReader(file))
    labels = [row for row in rows if row["table"] == "labels"]
    assert [(row["item"], row["class"], row["round"]) for row in labels[2:5]] == [
        *(("train-2", "2", ""), ("train-5", "1", "0"), ("train-6", "2", "0"))
    ]
    assert {row["state"] for row in labels} == {"labelled"}
    rounds = [row for row in rows if row["table"] == "rounds"]
    assert [(row["round"], row["labels"]) for row in rounds] == [
        *(("0", "3"), ("1", "5"), ("2", "7"))
    ]
    assert '"error": 0.5' in rounds[0]["evaluation"]


def test_nothing_is_overwritten_and_the_same_is_not_saved_twice(finished_run):
    (finished_run / "recovered.csv").write_text("an earlier one")
    for _ in range(2):
        assert "are in recovered-2.csv beside it" in damage_sentence(finished_run, "torn")
    assert (finished_run / "recovered.csv").read_text() == "an earlier one"
    assert not (finished_run / "recovered-3.csv").exists()


def test_nothing_is_written_if_nothing_can_be_read(tmp_path):
    (tmp_path / STORE_FILE).write_bytes(b"thesis " * 999)
    assert "; nothing of it could be read; remove metadata.db-wal" in damage_sentence(
        tmp_path, "torn"
    )
    assert [path.name for path in tmp_path.iterdir()] == [STORE_FILE]


def test_a_page_that_is_damaged_costs_its_own_rows_alone(finished_run):
    path = finished_run / STORE_FILE
    whole = path.read_bytes()
    pages = range(1, len(whole) // 4096)
    assert len(pages) > 5
    for page in pages:
        content = bytearray(whole)
        content[page * 4096 : page * 4096 + 4096] = bytes(4096)
        path.write_bytes(content)
        sentence = damage_sentence(finished_run, "torn page")
        labels, rounds = re.search(r"(\d+) labels and (\d+) rounds", sentence).groups()
        assert int(labels) == 7 or int(rounds) == 3, page
