import csv
import re

from dbal_tf.artifacts import Labels
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.recovery import damage_sentence, save_what_is_left
from dbal_tf.store.writer import Store


def test_all_of_a_whole_store_is_saved(finished_run):
    sentence = save_what_is_left(finished_run, "torn page")
    assert sentence == (
        f"{finished_run / STORE_FILE} is damaged (torn page); 7 labels and 3 rounds could be "
        "read and are in recovered.csv beside it; remove metadata.db-wal and metadata.db-shm, "
        "if there, then put it back from a copy or choose another --run_dir."
    )
    with open(finished_run / "recovered.csv") as file:
        rows = list(csv.DictReader(file))
    answers = [row for row in rows if row["table"] == "answers"]
    assert [(row["item"], row["class"], row["round"]) for row in answers[2:5]] == [
        *(("train-2", "2", ""), ("train-5", "1", "0"), ("train-6", "2", "0"))
    ]
    assert {(row["state"], row["annotator"]) for row in answers} == {("labelled", "dataset")}
    queries = [row for row in rows if row["table"] == "queries"]
    assert [(row["round"], row["rank"], row["item"], row["score"]) for row in queries[2:4]] == [
        *(("0", "2", "train-7", "0.125"), ("1", "0", "train-7", "0.5"))
    ]
    rounds = [row for row in rows if row["table"] == "rounds"]
    assert [(row["round"], row["labels"]) for row in rounds] == [
        *(("0", "3"), ("1", "5"), ("2", "7"))
    ]
    assert '"error": 0.5' in rounds[0]["evaluation"]


def test_a_correction_is_saved_with_what_it_corrects(finished_run):
    with Store(finished_run) as store:
        store.tell(Labels.from_answers({"train-5": "unsure"}), "person")
    assert "; 8 labels and 3 rounds" in save_what_is_left(finished_run, "torn page")
    with open(finished_run / "recovered.csv") as file:
        [row] = [row for row in csv.DictReader(file) if row["corrects"]]
    assert (row["item"], row["class"], row["state"]) == ("train-5", "", "unsure")
    assert (row["corrects"], row["annotator"], row["round"]) == ("4", "person", "2")


def test_naming_the_damage_writes_nothing(finished_run):
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")}
    assert damage_sentence(finished_run, "torn page") == (
        f"{finished_run / STORE_FILE} is damaged (torn page); start the run again to have what "
        "can be read of it saved beside it; remove metadata.db-wal and metadata.db-shm, if "
        "there, then put it back from a copy or choose another --run_dir."
    )
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")} == before


def test_nothing_is_overwritten_and_the_same_is_not_saved_twice(finished_run):
    (finished_run / "recovered.csv").write_text("an earlier one")
    for _ in range(2):
        assert "are in recovered-2.csv beside it" in save_what_is_left(finished_run, "torn")
    assert (finished_run / "recovered.csv").read_text() == "an earlier one"
    assert not (finished_run / "recovered-3.csv").exists()


def test_nothing_is_written_if_nothing_can_be_read(tmp_path):
    (tmp_path / STORE_FILE).write_bytes(b"thesis " * 999)
    assert "; nothing of it could be read; remove metadata.db-wal" in save_what_is_left(
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
        sentence = save_what_is_left(finished_run, "torn page")
        labels, rounds = re.search(r"(\d+) labels and (\d+) rounds", sentence).groups()
        assert int(labels) == 7 or int(rounds) == 3, page
