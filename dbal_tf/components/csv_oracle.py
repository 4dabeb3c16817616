"""A person who fills in a CSV file."""

import dataclasses
import pathlib
from collections.abc import Iterable

from dbal_tf.artifacts import Labels, Query
from dbal_tf.components.file_oracle import FileOracle
from dbal_tf.core import AnswersAwaited
from dbal_tf.labelling.answer_files import Written, new_answers, put_aside
from dbal_tf.labelling.csv_exchange import query_text, read_query
from dbal_tf.labelling.pictures import encode, shrink
from dbal_tf.labelling.sources import DatasetSource
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import PICTURES_DIR, TO_LABEL_CSV


@dataclasses.dataclass(frozen=True, eq=False)
class CsvOracle(FileOracle):
    """Writes the query to `to_label.csv`, and reads the answers that are filled in there.

    See the flags of the same names.
    """

    def told(self) -> None:
        """Puts the file aside once the run has all answers that are in it.

        Left in place, it would undo corrections that are made elsewhere in the meantime.
        """
        path = pathlib.Path(self.run_dir, TO_LABEL_CSV)
        if path.exists() and not len(self._new(read_query(path))):
            put_aside(path)

    def run(self, query: Query) -> Labels:
        """Returns the answers in the file that the run does not have yet.

        Raises:
            AnswersAwaited: There are none. The file then has the query's items.
            InputError: The file cannot be used; it is left as it is.
        """
        folder, asked = pathlib.Path(self.run_dir), query.ids.tolist()
        path = folder / TO_LABEL_CSV
        if path.exists():
            lines = read_query(path)
            if len(labels := self._new(lines)):
                return labels
            if [line.item for line in lines] == asked:
                raise AnswersAwaited(len(asked), str(path))
            # Here the run has all answers that are in the file.
            if any(line.text for line in lines):
                put_aside(path)
        images = [self._picture(item, number) for number, item in enumerate(asked, 1)]
        write_atomically(path, query_text(asked, images).encode())
        raise AnswersAwaited(len(asked), str(path))

    def _new(self, lines: Iterable[Written]) -> Labels:
        answered = [line for line in lines if line.text]
        return new_answers(pathlib.Path(self.run_dir), answered, self.dataset.class_names)

    def _picture(self, item: str, number: int) -> str:
        """Returns the path of an item's picture; writes it unless the item is a file."""
        if self.dataset.name == "image_folder":
            return str(pathlib.Path(self.data_dir).expanduser().absolute() / item)
        pixels = DatasetSource(self.dataset.train, self.dataset.test).pixels(item)
        content, kind = encode(shrink(pixels, max(pixels.shape)))
        name = f"{PICTURES_DIR}/{number:04d}.{kind.removeprefix('image/')}"
        path = pathlib.Path(self.run_dir, name).absolute()
        write_atomically(path, content)
        return str(path)
