"""Labels and groups of images in CSV files: `--labels_csv` and `--groups_csv`."""

import csv
import dataclasses
import io
import os
import pathlib
import re
import unicodedata
from collections.abc import Collection, Iterable

from dbal_tf.core import InputError

_ID_COLUMNS = ("id", "image_id", "image", "path", "file", "filename")
_DELIMITERS = (",", ";", "\t")
# Excel names the delimiter in a line before the header.
_EXCELS_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?[\r\n]')


@dataclasses.dataclass(frozen=True)
class CsvColumn:
    """A column of a CSV file that has a value for each image.

    Attributes:
        flag: The flag that names the file.
        names: What the column may be called.
    """

    flag: str
    names: tuple[str, ...]

    def of_images(self, path: str, ids: Collection[str]) -> tuple[dict[str, str], list[str]]:
        """Returns the value of each image that has one, and the names that match no image.

        `read` and `match` describe the arguments and the errors.
        """
        return self.match(self.read(path, ids), ids, path)

    def read(self, path: str, ids: Collection[str] = ()) -> dict[str, str]:
        """Returns the value of each id in a CSV file; ids without a value are left out.

        The first line names the columns, among them `id` and one of `names`, in any
        order. If there are several columns for ids, the one that names the most images
        in full is used. Columns are separated by commas, semicolons or tabs, or by the
        character that a first line such as `sep=|` names. The file is UTF-8, with or
        without a byte order mark, and with any line endings.

        Args:
            path: The file.
            ids: Ids of the images: paths relative to the folder.

        Raises:
            InputError: The file cannot be read, gives an image two values, or has
                several columns for ids of which none names more images than the others.
        """
        header, rows = self._table(path)
        id_columns = self._columns(path, header, _ID_COLUMNS)
        column = self._columns(path, header, self.names)[0]
        id_column = self._naming_most(
            path, header, id_columns, [cells for _, cells in rows], ids
        )
        values: dict[str, str] = {}
        for line, cells in rows:
            item, value = _as_id(cells[id_column]), cells[column]
            if item and value and values.setdefault(item, value) != value:
                raise InputError(
                    f"--{self.flag}={path}, line {line}, says that the {self.names[0]} of "
                    f"{item} is {value}, a line before that it is {values[item]}; keep one of "
                    "them."
                )
        return values

    def match(
        self, values: dict[str, str], ids: Iterable[str], path: str
    ) -> tuple[dict[str, str], list[str]]:
        """Returns the value of each image that has one, and the names that match no image.

        A file may name an image by its id, or by a shorter name if that fits only one
        image: without the ending, without the folders, or without both. Names are
        compared in the form that `normal` returns.

        Args:
            values: From `read`.
            ids: Ids of the images: paths relative to the folder.
            path: The CSV file, for messages.

        Raises:
            InputError: A name fits several images, or two names of one image have
                different values.
        """
        meant: dict[str, list[str]] = {}
        whole: dict[str, list[str]] = {}
        all_ids = set(ids)
        for item in sorted(all_ids):
            as_read = normal(item)
            whole.setdefault(as_read, []).append(item)
            stem, name = os.path.splitext(as_read)[0], as_read.rpartition("/")[2]
            for short in {stem, name, os.path.splitext(name)[0]} - {as_read}:
                meant.setdefault(short, []).append(item)
        matched: dict[str, str] = {}
        missing: list[str] = []
        for item, value in values.items():
            found = whole.get(normal(item)) or meant.get(normal(item), [])
            found = [item] if item in all_ids else found
            if len(found) > 1:
                raise InputError(
                    f"--{self.flag}={path} names {item}, which may be {found[0]} or "
                    f"{found[1]}; write the path relative to --data_dir."
                )
            if not found:
                missing.append(item)
            elif matched.setdefault(found[0], value) != value:
                raise InputError(
                    f"--{self.flag}={path} says that the {self.names[0]} of {found[0]} is "
                    f"{value} and that it is {matched[found[0]]}; keep one of them."
                )
        return matched, missing

    def _table(self, path: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
        """Returns the names of the columns, and the line number and cells of each row."""
        text = self._text(path)
        told = _EXCELS_LINE.match(text)
        delimiter = told[1] if told else max(_DELIMITERS, key=text.split("\n", 1)[0].count)
        lines = io.StringIO(text, newline="")
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            if told:
                next(reader)
            header = [name.strip().lower() for name in next(reader, [])]
            rows = [
                (reader.line_num, [*map(str.strip, row), *[""] * len(header)]) for row in reader
            ]
        except csv.Error as error:
            raise InputError(
                f"--{self.flag}={path}, line {reader.line_num}, is not CSV ({error}); "
                "correct it."
            ) from error
        return header, rows

    def _text(self, path: str) -> str:
        try:
            return pathlib.Path(os.path.expanduser(path)).read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise InputError(
                f"--{self.flag}={path} cannot be read ({error.strerror}); expected a CSV file "
                f"with the columns id and {self.names[0]}."
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"--{self.flag}={path} is not UTF-8; save it as UTF-8.") from error

    def _columns(self, path: str, header: list[str], names: tuple[str, ...]) -> list[int]:
        """Returns the positions of the columns with given names, in the order of the names."""
        if found := [header.index(name) for name in names if name in header]:
            return found
        raise InputError(
            f"--{self.flag}={path} begins with the columns {', '.join(header) or 'none'}; "
            f"expected id and {self.names[0]}, separated by commas, semicolons or tabs; name "
            "them in the first line."
        )

    def _naming_most(
        self,
        path: str,
        header: list[str],
        columns: list[int],
        rows: list[list[str]],
        ids: Collection[str],
    ) -> int:
        """Returns the column whose cells are most often an id, or a file name in full.

        A column `id` may number the rows, and a number may be the name of a file without
        its ending. So shorter names do not count.
        """
        names = {normal(name) for item in ids for name in (item, item.rpartition("/")[2])}
        cells = {column: [normal(_as_id(row[column])) for row in rows] for column in columns}
        counts = {column: sum(map(names.__contains__, cells[column])) for column in columns}
        best = max(columns, key=counts.__getitem__)
        for other in columns:
            if counts[other] == counts[best] and cells[other] != cells[best]:
                raise InputError(
                    f"--{self.flag}={path} has the columns {header[best]} and "
                    f"{header[other]}, which name {counts[best]} images each; expected one "
                    "column that names the images; leave the other out."
                )
        return best


LABELS = CsvColumn("labels_csv", ("label", "class"))
GROUPS = CsvColumn("groups_csv", ("group", "patient", "patient_id"))


def normal(text: str) -> str:
    """Returns a text in the form in which texts are compared.

    An accented letter may be one character or two; macOS writes two in file names.
    """
    return unicodedata.normalize("NFC", text)


def _as_id(text: str) -> str:
    return text.replace("\\", "/").removeprefix("./")
