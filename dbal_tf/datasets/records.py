"""Random access to the records of TFRecord files.

A TFRecord file is a sequence of records. A record consists of its length as a
little-endian uint64, the 4-byte CRC of the length, the data, and the 4-byte CRC
of the data. Source: TensorFlow's guide "TFRecord and
tf.train.Example".
"""

import dataclasses
import itertools
import pathlib
from typing import Any, Self

import numpy as np

from dbal_tf.core import InputError

_BEFORE, _BEHIND = 12, 4  # bytes before and after the data of a record


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """The positions of the records in one or more files; a row is a record.

    Attributes:
        paths: The files, `s` of them.
        first_rows: Row of each file's first record, int64, shape `[s]`.
        offsets: Offset of a record's data in its file, int64, shape `[n]`.
        lengths: Bytes of data, int64, shape `[n]`.
    """

    paths: tuple[pathlib.Path, ...]
    first_rows: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray

    @classmethod
    def from_lengths(cls, lengths: dict[pathlib.Path, np.ndarray]) -> Self:
        """Returns the records of files, from the lengths of each file's records."""
        lengths = {path: each.astype(np.int64) for path, each in lengths.items()}
        ends = [np.cumsum(each + _BEFORE + _BEHIND) for each in lengths.values()]
        counts = [len(each) for each in lengths.values()]
        lengths_n = np.concatenate(list(lengths.values()))
        offsets_n = np.concatenate(ends) - _BEHIND - lengths_n
        return cls(tuple(lengths), np.cumsum([0, *counts[:-1]]), offsets_n, lengths_n)

    def __len__(self) -> int:
        return len(self.lengths)

    def place(self, row: int) -> str:
        """Returns a record's file and its number, from 0, for messages."""
        file = self._files(row)
        return f"{self.paths[file]}, record {row - self.first_rows[file]},"

    def read(self, rows: np.ndarray) -> list[bytes]:
        """Returns the data of the given records.

        Args:
            rows: The records, int64, shape `[m]`.

        Raises:
            InputError: A file has gone or become shorter.
        """
        # Consecutive records are read at once. Read, not memory-mapped: mapped pages count
        # as memory of this process.
        files = self._files(rows)
        # A stretch starts at a row that does not follow the one before it, or is in another
        # file; the prepended values make the first row a start.
        is_first = (np.diff(rows, prepend=-2) != 1) | (np.diff(files, prepend=-1) != 0)
        edges = [*np.flatnonzero(is_first).tolist(), len(rows)]
        contents = []
        for first, end in itertools.pairwise(edges):
            contents += self._read_run(self.paths[files[first]], rows[first:end])
        return contents

    def _files(self, rows: Any) -> Any:
        # The last file whose first row is not above the row.
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
                f"{path} cannot be read ({error.strerror}); restore it."
            ) from error
        if len(data) < size:
            raise InputError(
                f"{path} has become shorter since the run started; expected the same file; "
                "restore it."
            )
        spans = zip((offsets - start).tolist(), lengths.tolist(), strict=True)
        return [data[begin : begin + length] for begin, length in spans]
