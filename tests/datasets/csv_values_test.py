import pathlib

import pytest

from dbal_tf.core import InputError
from dbal_tf.datasets.csv_values import GROUPS, LABELS


def _read(folder: pathlib.Path, content: bytes | str) -> dict[str, str]:
    path = folder / "labels.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return LABELS.read(str(path))


@pytest.mark.parametrize(
    "content",
    [
        "id,label\na.png,cat\nb/c.png,dog\n",
        "label;id\r\ncat;a.png\r\ndog;b\\c.png\r\n",
        "\ufeffid\tlabel\na.png\tcat\n./b/c.png\tdog",
        'ID , "Label",note\n"a.png", cat ,"x, y"\nb/c.png,dog\n\nd.png,\n',
        "sep=;\r\nid;label\r\na.png;cat\r\nb/c.png;dog\r\n",
        '"sep=|"\nid|label\na.png|cat\nb/c.png|dog\n',
        "\ufeffsep=\t\nlabel\tid\ncat\ta.png\ndog\tb/c.png\n",
        "image_id,class\ra.png,cat\rb/c.png,dog\r",
    ],
)
def test_every_way_to_write_it(tmp_path, content: str) -> None:
    assert _read(tmp_path, content) == {"a.png": "cat", "b/c.png": "dog"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "columns none; expected id and label"),
        ("name,kind\na,b\n", "columns name, kind; expected id and label"),
        ("id,label\na,x\nb,x\na,y\n", "line 4, says that the label of a is y"),
        ("sep=,\nid,label\na,x\na,y\n", "line 4, says that the label of a is y"),
        ('id,label\na,x\n"b,x\nc,x\n', "line 4, is not CSV"),
        ("id,label\na,ü".encode("latin-1"), "not UTF-8"),
        ("id,label\na,b".encode("utf-16"), "not UTF-8"),
        ("id,label\na," + "x" * 200_000, "line 2, is not CSV"),
    ],
)
def test_what_cannot_be_used(tmp_path, content: bytes | str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _read(tmp_path, content)


def test_no_file(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        LABELS.read(str(tmp_path / "none.csv"))


def test_of_several_columns_that_one_which_names_the_images(tmp_path) -> None:
    (tmp_path / "labels.csv").write_text("id,filename,label\n1,4.png,cat\n2,3.png,dog\n")
    path, right = str(tmp_path / "labels.csv"), {"4.png": "cat", "3.png": "dog"}
    assert LABELS.read(path, ["1.png", "2.png", "3.png", "4.png"]) == right
    assert LABELS.read(path, [f"x/{number}.png" for number in range(5)]) == right
    with pytest.raises(InputError, match="columns id and filename, which name 0 images each"):
        LABELS.read(path, ["1.jpg", "4.jpg"])
    (tmp_path / "labels.csv").write_text("id,path,label\na,a,cat\nb,b,dog\n")
    assert LABELS.read(path, ["a.png"]) == {"a": "cat", "b": "dog"}


def test_shorter_names() -> None:
    ids = ["x/a.png", "x/b.jpg", "y/b.jpg", "c.png"]
    labels = {"x/a": "1", "x/b.jpg": "2", "c": "3", "gone": "4"}
    matched, missing = LABELS.match(labels, ids, "f")
    assert matched == {"x/a.png": "1", "x/b.jpg": "2", "c.png": "3"}
    assert missing == ["gone"]
    assert LABELS.match({"a": "1", "a.png": "1"}, ids, "f")[0] == {"x/a.png": "1"}


def test_accents_in_two_ways() -> None:
    whole, apart = "caf\u00e9/1.png", "cafe\u0301/1.png"
    for on_disk, written in ((whole, apart), (apart, whole), (apart, whole[:-4])):
        assert LABELS.match({written: "a"}, [on_disk], "f") == ({on_disk: "a"}, [])
    assert LABELS.match({whole: "a"}, [whole, apart], "f")[0] == {whole: "a"}
    with pytest.raises(InputError, match="which may be"):
        LABELS.match({whole[:-4]: "a"}, [whole, apart], "f")


def test_two_meanings() -> None:
    with pytest.raises(InputError, match=r"b.jpg, which may be x/b.jpg or y/b.jpg"):
        LABELS.match({"b.jpg": "1"}, ["x/b.jpg", "y/b.jpg"], "f")
    with pytest.raises(InputError, match=r"the label of x/a.png is 2 and that it is 1"):
        LABELS.match({"a": "1", "x/a": "2"}, ["x/a.png"], "f")


def test_groups_are_read_as_labels_are(tmp_path) -> None:
    path = tmp_path / "patients.csv"
    path.write_text("id,label,patient\na,cat,7\nb,dog,7\nc,dog,\ngone,dog,8\n")
    found = GROUPS.of_images(str(path), ["x/a.png", "x/b.png", "x/c.png"])
    assert found == ({"x/a.png": "7", "x/b.png": "7"}, ["gone"])
    path.write_text("id,label\na,cat\n")
    with pytest.raises(InputError, match=r"--groups_csv=.*expected id and group, separated"):
        GROUPS.read(str(path))
