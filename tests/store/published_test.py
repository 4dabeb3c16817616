import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.core import InputError
from dbal_tf.store import published
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import LabelRecord

_ROWS = [
    LabelRecord("z", 3, None, 0, None, None, "labelled"),
    LabelRecord('my "best", photo.png', 0, None, 1, None, None, "labelled"),
    LabelRecord("b", 1, 0, 0, 0.1 + 0.2, None, "labelled"),
    LabelRecord("a", None, 0, 1, 1e-17, None, "skipped"),
    LabelRecord("c", 0, 12, 0, 0.0, None, "labelled"),
]


def _read(tmp_path, rows):
    (tmp_path / "picks.csv").write_text(published.picks_csv(rows))
    return published.read_picks(tmp_path)


def test_picks_known_text():
    assert published.picks_csv(_ROWS) == (
        "round,rank,id,class,score\n"
        "initial,1,z,3,\n"
        'initial,2,"my ""best"", photo.png",0,\n'
        "0,1,b,1,0.30000000000000004\n"
        "0,2,a,,1e-17\n"
        "12,1,c,0,0.0\n"
    )


def test_picks_read_back_equal(tmp_path):
    assert _read(tmp_path, _ROWS) == _ROWS
    assert _read(tmp_path, []) == []


def test_what_the_annotator_was_unsure_of_reads_back_as_skipped(tmp_path):
    unsure = dataclasses.replace(_ROWS[3], state="unsure")
    assert _read(tmp_path, [unsure]) == [_ROWS[3]]


# Reading a file takes a carriage return for a line feed.
@given(
    item=st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1),
    label=st.integers(0, 999),
    index=st.none() | st.integers(0, 999),
    score=st.floats(allow_nan=False),
)
def test_picks_of_any_kind_read_back_equal(item, label, index, score):
    row = LabelRecord(item, label, index, 3, score, None, "labelled")
    assert published._picks(published.picks_csv([row])) == [row]


def test_the_picks_of_a_run_are_those_of_its_store(finished_run):
    rows = RunReader.open(finished_run).label_rows()
    kept = [dataclasses.replace(row, entropy=None) for row in rows]
    assert _read(finished_run, rows) == kept


@pytest.fixture
def results(finished_run):
    """The folder of published results of a run."""
    reader = RunReader.open(finished_run)
    (finished_run / "versions.json").write_text(json.dumps(reader.run().versions))
    (finished_run / "picks.csv").write_text(published.picks_csv(reader.label_rows()))
    (finished_run / "metadata.db").unlink()
    return finished_run


def test_published_results_read_back(results):
    found = published.read_published(results)
    assert found.flags == (results / "flags.cfg").read_text()
    assert found.versions["commit"] == "0123456789ab"
    assert [point.labels for point in found.curve] == [3, 5, 7]
    assert curve_csv(found.curve) == (results / "curve.csv").read_text()


def test_a_folder_with_a_store_is_a_run(results):
    assert published.is_published(results)
    (results / "metadata.db").touch()
    assert not published.is_published(results)
    (results / "metadata.db").unlink()
    (results / "versions.json").unlink()
    assert not published.is_published(results)
    assert not published.is_published(results / ("x" * 999))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("picks.csv", "id,label\n", "its columns are id,label"),
        ("picks.csv", "", "not enough values to unpack"),
        ("picks.csv", "round,rank,id,class,score\n0,1,a\n", "not enough values to unpack"),
        ("picks.csv", "round,rank,id,class,score\n0,first,a,1,\n", "invalid literal for int"),
        ("picks.csv", f'"{"x" * 200_000}', "field larger than field limit"),
        ("versions.json", "{", "Expecting property name"),
        ("versions.json", "[1]", r"it holds \[1\], expected versions by their names"),
        ("curve.csv", "", "The curve's first line reads ''"),
        ("flags.cfg", None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(results, name, text, problem):
    (results / name).unlink()
    if text is not None:
        (results / name).write_text(text)
    read = published.read_picks if name == "picks.csv" else published.read_published
    with pytest.raises(InputError, match=problem) as error:
        read(results)
    assert str(error.value).startswith(f"{results / name} cannot be read (")
    assert str(error.value).endswith(
        "); expected what tools/collect_results.py writes; put the file back."
    )
