import pytest

from dbal_tf.artifacts import Labels
from dbal_tf.core import InputError
from dbal_tf.labelling.answer_files import (
    Written,
    check_names,
    new_answers,
    put_aside,
    read_text,
)
from dbal_tf.store.writer import Store

NAMES = ("low", "middle", "hoch \u00e9")


def _written(**answers):
    items = {item.replace("_", "-"): text for item, text in answers.items()}
    return [Written(i, text, f"f.csv, line {n}") for n, (i, text) in enumerate(items.items())]


def _new(folder, **answers):
    return list(new_answers(folder, _written(**answers), NAMES).rows())


def test_only_what_the_store_does_not_have_is_new(finished_run):
    # Of the run: train-5 is class 1 and train-6 class 2; train-7 is asked, not answered.
    assert _new(finished_run, train_5="middle", train_6="hoch \u00e9") == []
    assert _new(finished_run, train_9=" low ", test_0="middle", train_3="unsure") == [
        ("train-9", 0, "labelled"),
        ("test-0", 1, "labelled"),
        ("train-3", None, "unsure"),
    ]
    assert _new(finished_run, train_5="low") == [("train-5", 0, "labelled")], "a correction"
    with Store(finished_run) as store:
        store.tell(Labels.from_answers({"train-9": "skipped"}), "person")
        assert _new(finished_run, train_9="skipped") == []
        store.withdraw(["train-9"], "person")
        assert _new(finished_run, train_9="skipped") == [("train-9", None, "skipped")]


def test_names_go_with_the_answers(finished_run):
    written = [Written("train-9", "low", "here", "Ann"), Written("test-0", "low", "here")]
    labels = new_answers(finished_run, written, NAMES)
    assert labels.annotators.tolist() == ["Ann", ""]
    with Store(finished_run) as store:
        store.tell(labels, "person")
        last = {row.item: row.annotator for row in store.reader.answers_after(0)}
    assert (last["train-9"], last["test-0"]) == ("Ann", "person")


def test_an_accent_may_be_a_character_of_its_own(finished_run):
    assert _new(finished_run, train_9="hoch e\u0301") == [("train-9", 2, "labelled")]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"train_10": "low"}, "f.csv, line 0: train-10 was not asked for; expected ids"),
        ({"train_9": "low", "nobody": "low"}, "line 1: nobody was not asked for"),
        (
            {"train_9": "Low"},
            "line 0: train-9 is labelled Low, which is not a class; expected low, middle, "
            "hoch \u00e9, skipped, unsure; correct it",
        ),
    ],
)
def test_a_wrong_answer_is_named(finished_run, answers, says):
    with pytest.raises(InputError, match=says):
        _new(finished_run, **answers)


def test_a_class_must_not_be_named_like_what_is_no_class():
    check_names(NAMES)
    with pytest.raises(InputError, match="A class has the name unsure, which in a file"):
        check_names(("low", "unsure"))


def test_a_file_that_is_not_utf_8_is_named_with_the_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,label\na,\u00e9\n".encode("cp1252"))
    with pytest.raises(
        InputError, match=r"a.csv, line 2, is not UTF-8; save the file as UTF-8"
    ):
        read_text(path)
    path.write_bytes("\ufeffid".encode())
    assert read_text(path) == "id"
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory"):
        read_text(tmp_path)


def test_nothing_that_was_put_aside_is_overwritten(tmp_path):
    for text in ("first", "second"):
        (tmp_path / "to_label.csv").write_text(text)
        put_aside(tmp_path / "to_label.csv")
    kept = sorted((tmp_path / "answered").iterdir())
    assert [(p.name, p.read_text()) for p in kept] == [
        ("0001.csv", "first"),
        ("0002.csv", "second"),
    ]
