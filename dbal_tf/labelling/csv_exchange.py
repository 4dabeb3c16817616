"""The CSV file in which a person fills in classes: `to_label.csv`."""

import csv
import io
import pathlib
from collections.abc import Iterator, Sequence

from dbal_tf.core import InputError
from dbal_tf.labelling.answer_files import Written, read_text

_COLUMNS = ("rank", "id", "label", "image")
_DELIMITERS = (",", ";", "\t")


def query_text(ids: Sequence[str], images: Sequence[str]) -> str:
    """Returns a query as the text of `to_label.csv`, without labels.

    Args:
        ids: The items, best first.
        images: The path of each one's picture.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for rank, (item, image) in enumerate(zip(ids, images, strict=True), 1):
        writer.writerow((rank, item, "", image))
    # The byte order mark tells Excel that the file is UTF-8.
    return "\ufeff" + text.getvalue()


def read_query(path: pathlib.Path) -> list[Written]:
    """Returns the lines of `to_label.csv`; those with an empty text are not answered yet.

    The columns may be in any order, separated by commas, semicolons or tabs.

    Raises:
        InputError: The file cannot be read, or has an item twice.
    """
    lines: dict[str, Written] = {}
    for number, row in csv_rows(path, ("id", "label")):
        item, text = row["id"], row["label"].strip()
        where = f"{path}, line {number}"
        if not item.strip():
            if text:
                raise InputError(f"{where}: {text} has no id; put the id back.")
            continue
        if item in lines:
            raise InputError(
                f"{where}: {item} is there a second time; expected one line for each image; "
                f"remove this line or that of {lines[item].where}."
            )
        lines[item] = Written(item, text, where)
    return list(lines.values())


def csv_rows(
    path: pathlib.Path, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the rows of a CSV file by column, each with the number of its line.

    Args:
        path: The file.
        columns: The required columns, in lower case; others are also read.

    Raises:
        InputError: The file cannot be read or lacks a column.
    """
    text = read_text(path)
    # A picture inside the file may be longer than the limit of 128 kB.
    limit = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    first = (text.splitlines() or [""])[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if missing := [name for name in columns if name not in header]:
            raise InputError(
                f"{path}, line 1, has no column {missing[0]}; expected "
                f"{', '.join(columns)}, separated by commas, semicolons or tabs; correct it."
            )
        for row in reader:
            cells = [*row, *[""] * (len(header) - len(row))]
            yield reader.line_num, dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}, is not CSV ({error}); correct it."
        ) from error
    finally:
        # The limit is global to the process, and the audit relies on it.
        csv.field_size_limit(limit)
