"""Where records lie in files, and what is read of them."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dbal_tf.core import InputError
from dbal_tf.datasets.records import Records


@pytest.fixture
def files(tmp_path: pathlib.Path) -> dict[pathlib.Path, np.ndarray]:
    """Two files, of three records and of two; the format written by hand."""
    contents = {"one": (b"ab", b"", b"cde"), "two": (b"f", b"ghij")}
    for name, records in contents.items():
        framed = (len(r).to_bytes(8, "little") + b"crc1" + r + b"crc2" for r in records)
        (tmp_path / name).write_bytes(b"".join(framed))
    return {tmp_path / name: np.array([*map(len, x)]) for name, x in contents.items()}


@pytest.mark.parametrize(
    ("rows", "contents"),
    [
        ([0, 1, 2, 3, 4], [b"ab", b"", b"cde", b"f", b"ghij"]),
        ([4, 0, 0, 2, 3], [b"ghij", b"ab", b"ab", b"cde", b"f"]),
        ([1], [b""]),
        ([], []),
    ],
)
def test_reads_known_records(files, rows, contents):
    records = Records.from_lengths(files)
    assert len(records) == 5
    assert records.read(np.array(rows, np.int64)) == contents


def test_says_where_a_record_is(files):
    one, two = files
    places = [Records.from_lengths(files).place(row) for row in (0, 2, 3)]
    assert places == [f"{one}, record 0,", f"{one}, record 2,", f"{two}, record 0,"]


@settings(deadline=None, max_examples=30)
@given(data=st.data(), sizes=st.lists(st.lists(st.integers(0, 300)), min_size=1, max_size=4))
def test_reads_what_tensorflow_wrote(tmp_path_factory, data, sizes):
    folder, rng = tmp_path_factory.mktemp("records"), np.random.default_rng(0)
    contents = [[rng.bytes(size) for size in each] for each in sizes]
    for index, each in enumerate(contents):
        with tf.io.TFRecordWriter(str(folder / f"{index}")) as writer:
            for content in each:
                writer.write(content)
    flat = [content for each in contents for content in each]
    rows = data.draw(st.lists(st.integers(0, len(flat) - 1))) if flat else []
    paths = [folder / f"{index}" for index in range(len(sizes))]
    records = Records.from_lengths(
        {p: np.array(s, np.int32) for p, s in zip(paths, sizes, strict=True)}
    )
    assert records.read(np.array(rows, np.int64)) == [flat[row] for row in rows]


def test_files_that_went_or_shrank(files):
    records, (one, two) = Records.from_lengths(files), files
    one.unlink()
    two.write_bytes(two.read_bytes()[:-5])
    assert records.read(np.array([3])) == [b"f"]
    with pytest.raises(InputError, match="one cannot be read"):
        records.read(np.array([0]))
    with pytest.raises(InputError, match="two has become shorter since the run started"):
        records.read(np.array([4]))
