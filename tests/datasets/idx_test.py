import gzip
import pathlib
import struct
from collections.abc import Callable

import numpy as np
import pytest

from dbal_tf.core import InputError
from dbal_tf.datasets.idx import MAX_BYTES, read_idx

# The format's description, by hand: two rows of three values.
_TWO_BY_THREE = b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + bytes([1, 2, 3, 4, 5, 255])


def _written(folder: pathlib.Path, content: bytes) -> pathlib.Path:
    path = folder / "some-idx2-ubyte"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_reads_a_known_file(tmp_path: pathlib.Path, packed: Callable[[bytes], bytes]) -> None:
    values = read_idx(_written(tmp_path, packed(_TWO_BY_THREE)))
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 255]])


def test_reads_an_axis_of_length_zero(tmp_path: pathlib.Path) -> None:
    content = b"\0\0\x08\x02" + struct.pack(">2I", 0, 28)
    assert read_idx(_written(tmp_path, content)).shape == (0, 28)


_BROKEN = {
    "empty": (b"", "starts with the bytes ''"),
    "text": (b"<html>", "starts with the bytes '3c 68 74 6d'"),
    "of floats": (b"\0\0\x0d" + _TWO_BY_THREE[3:], "starts with the bytes '00 00 0d 02'"),
    "no axes": (b"\0\0\x08\x00", "1 to 4 axes"),
    "many axes": (b"\0\0\x08\xff" + bytes(2000), "1 to 4 axes"),
    "half a header": (_TWO_BY_THREE[:10], "ends within its header"),
    "header only": (_TWO_BY_THREE[:12], r"holds 0 bytes .* \(2, 3\); expected 6 bytes"),
    "truncated": (_TWO_BY_THREE[:-1], "holds 5 bytes .* expected 6 bytes"),
    "too long": (_TWO_BY_THREE + b"x", "holds more .* expected 6 bytes"),
    "huge": (
        b"\0\0\x08\x02" + struct.pack(">2I", 2**31, 2**31),
        f"{2**62} bytes .* expected at most {MAX_BYTES}",
    ),
    "truncated gzip": (gzip.compress(_TWO_BY_THREE)[:-9], "cannot be read .* fetch it again"),
    "corrupt gzip": (gzip.compress(_TWO_BY_THREE)[:10] + b"\xff" * 30, "cannot be read"),
    "wrong gzip checksum": (gzip.compress(_TWO_BY_THREE)[:-8] + bytes(8), "cannot be read"),
    "gzipped text": (gzip.compress(b"<html>"), "starts with the bytes '3c 68 74 6d'"),
    "gzip too long": (gzip.compress(_TWO_BY_THREE + bytes(2**20)), "holds more"),
}


@pytest.mark.parametrize("kind", _BROKEN)
def test_a_broken_file_is_named_with_what_was_expected(
    tmp_path: pathlib.Path, kind: str
) -> None:
    content, message = _BROKEN[kind]
    path = _written(tmp_path, content)
    with pytest.raises(InputError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_path_that_cannot_be_opened(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"absent cannot be read \(No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_idx(tmp_path)
