"""TFRecord files whose records are read at random.

A TFRecord file is a sequence of records: the number of bytes, a little-endian
uint64; its CRC in 4 bytes; so many bytes; their CRC in 4 bytes. Source:
TensorFlow's guide "TFRecord and tf.train.Example".
"""

import dataclasses
import itertools
import pathlib
from typing import Any, Self

import numpy as np

from dbal_tf.core import InputError

_BEFORE, _BEHIND = 12, 4  # bytes of a record around its content


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """Where the records of one or more files lie; a row is a record.

    Attributes:
        paths: The files, shape `[s]`.
        first_rows: The row of each file's first record, int64, shape `[s]`.
        offsets: Where the content begins in its file, int64, shape `[n]`.
        lengths: Bytes of content, int64, shape `[n]`.
    """

    paths: tuple[pathlib.Path, ...]
    first_rows: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray

    @classmethod
    def from_lengths(cls, lengths: dict[pathlib.Path, np.ndarray]) -> Self:
        """Returns the records of files, from the bytes of each one's contents."""
        lengths = {path: each.astype(np.int64) for path, each in lengths.items()}
        ends = [np.cumsum(each + _BEFORE + _BEHIND) for each in lengths.values()]
        counts = [len(each) for each in lengths.values()]
        lengths_n = np.concatenate(list(lengths.values()))
        offsets_n = np.concatenate(ends) - _BEHIND - lengths_n
        return cls(tuple(lengths), np.cumsum([0, *counts[:-1]]), offsets_n, lengths_n)

    def __len__(self) -> int:
        return len(self.lengths)

    def place(self, row: int) -> str:
        """Says for people where a record is: its file, and its number from 0."""
        file = self._files(row)
        return f"{self.paths[file]}, record {row - self.first_rows[file]},"

    def read(self, rows: np.ndarray) -> list[bytes]:
        """Returns the contents of some records; neighbours are read at once.

        They are read and not mapped: mapped pages would count as memory of
        this process.

        Raises:
            InputError: A file is no longer what it was.
        """
        files = self._files(rows)
        is_first = (np.diff(rows, prepend=-2) != 1) | (np.diff(files, prepend=-1) != 0)
        edges = [*np.flatnonzero(is_first).tolist(), len(rows)]
        contents = []
        for first, end in itertools.pairwise(edges):
            contents += self._read_run(self.paths[files[first]], rows[first:end])
        return contents

    def _files(self, rows: Any) -> Any:
        return np.searchsorted(self.first_rows, rows, side="right") - 1

    def _read_run(self, path: pathlib.Path, rows: np.ndarray) -> list[bytes]:
        offsets, lengths = self.offsets[rows], self.lengths[rows]
        start, size = int(offsets[0]), int(offsets[-1] + lengths[-1] - offsets[0])
        try:
            with open(path, "rb") as file:
                file.seek(start)
                data = file.read(size)
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}); bring it back."
            ) from error
        if len(data) < size:
            raise InputError(
                f"{path} has become shorter since the start; expected the same file; "
                "bring it back."
            )
        spans = zip((offsets - start).tolist(), lengths.tolist(), strict=True)
        return [data[begin : begin + length] for begin, length in spans]
