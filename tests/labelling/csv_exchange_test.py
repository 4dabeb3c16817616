import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.core import InputError
from dbal_tf.labelling.csv_exchange import query_text, read_query

IDS = ["a/b,c.png", 'quo"te;d.png', "\u00fcber/\u732b.png", " space.png ", "-1"]


def _read(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return [(line.item, line.text) for line in read_query(path)]


def test_by_hand():
    assert query_text(["a", "b,c"], ["x/a", "x/b,c"]) == (
        '\ufeffrank,id,label,image\r\n1,a,,x/a\r\n2,"b,c",,"x/b,c"\r\n'
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_round_trip_as_other_programs_save_it(tmp_path, delimiter, end, mark):
    rows = list(csv.DictReader(io.StringIO(query_text(IDS, IDS).lstrip("\ufeff"))))
    names = ["Katze \u732b", "skipped", "", "a;b,c", "unsure"]
    text = io.StringIO()
    columns = ["label", "note", "id", "rank"]
    writer = csv.DictWriter(
        text, columns, extrasaction="ignore", delimiter=delimiter, lineterminator=end
    )
    writer.writeheader()
    writer.writerows({**row, "label": n} for row, n in zip(rows, names, strict=True))
    saved = text.getvalue().replace("label", "Label", 1)
    read = _read(tmp_path / "a.csv", mark + saved)
    assert read == list(zip(IDS, names, strict=True))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), unique=True)
)
def test_any_id_is_kept(tmp_path_factory, ids):
    ids = [item for item in ids if item.strip()]
    path = tmp_path_factory.mktemp("ids") / "a.csv"
    assert _read(path, query_text(ids, ids)) == [(item, "") for item in ids]


def test_short_and_empty_lines_are_not_answered(tmp_path):
    assert _read(tmp_path / "a.csv", "id,label\n\na\n,\nb,low\n") == [("a", ""), ("b", "low")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1, has no column id; expected id, label, separated"),
        ("id,class\na,b\n", "line 1, has no column label"),
        ("id,label\na,\nb,\na,low\n", "line 4: a is there a second time.*or that of .*line 2"),
        ("id,label\n,low\n", "line 2: low has no id"),
        ('id,label\na,"lo"w\n', "line 2, is not CSV"),
        ('id,label\na,"low\n', "line 2, is not CSV"),
        ("PK\x03\x04 an Excel workbook", "line 1, has no column id"),
    ],
)
def test_a_broken_file_is_named_with_the_line(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        _read(tmp_path / "a.csv", text)
    with pytest.raises(InputError, match="line 1, is not UTF-8"):
        _read(tmp_path / "a.csv", text or "x", "utf-16")


def test_a_long_cell_is_read_and_the_limit_of_the_process_stays(tmp_path):
    limit = csv.field_size_limit()
    picture = "x" * (limit + 1)
    assert _read(tmp_path / "long.csv", f"id,label,image\na,cat,{picture}\n") == [("a", "cat")]
    assert csv.field_size_limit() == limit
