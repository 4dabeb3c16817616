"""A person who labels in Label Studio."""

import base64
import dataclasses
import pathlib

from dbal_tf.artifacts import Labels, Query
from dbal_tf.components.file_oracle import FileOracle
from dbal_tf.core import AnswersAwaited
from dbal_tf.labelling import label_studio
from dbal_tf.labelling.answer_files import new_answers
from dbal_tf.labelling.pictures import SIZES, encode, shrink
from dbal_tf.labelling.predictions import Predictions
from dbal_tf.labelling.sources import DatasetSource, FolderSource, PixelSource
from dbal_tf.store.files import write_atomically
from dbal_tf.store.layout import LABELLED_FILES, LABELLING_CONFIG, TO_LABEL_JSON
from dbal_tf.store.reader import RunReader


@dataclasses.dataclass(frozen=True, eq=False)
class LabelStudioOracle(FileOracle):
    """Writes the query as Label Studio tasks, and reads Label Studio's exports.

    To import: `labelling_config.xml`, once, and `to_label.json`. The export is put
    into the run's folder as `labelled.json` or `labelled.csv`. See the flags of the
    same names.
    """

    def run(self, query: Query) -> Labels:
        """Returns the answers in the exports that the run does not have yet.

        Raises:
            AnswersAwaited: There are none. The tasks are then those of the query.
            InputError: An export cannot be used.
        """
        folder, names = pathlib.Path(self.run_dir), self.dataset.class_names
        exports = [folder / name for name in LABELLED_FILES if (folder / name).exists()]
        exports.sort(key=lambda path: path.stat().st_mtime)
        labels = new_answers(folder, label_studio.read_exports(exports), names)
        if len(labels):
            return labels
        asked, path = query.ids.tolist(), folder / TO_LABEL_JSON
        # Answers are never written into this file, so that it can be replaced.
        if label_studio.task_items(path) != asked:
            write_atomically(folder / LABELLING_CONFIG, label_studio.configuration(names))
            write_atomically(path, self._tasks(folder, asked))
        raise AnswersAwaited(len(asked), str(path))

    def _tasks(self, folder: pathlib.Path, asked: list[str]) -> str:
        last = RunReader.open(folder).last_round()
        predicted = Predictions(folder).of_model(last)
        probs = [predicted.get(item) for item in asked]
        images, version = [self._picture(item) for item in asked], f"round {last}"
        return label_studio.tasks(asked, images, probs, self.dataset.class_names, version)

    def _picture(self, item: str) -> str:
        """Returns an item's picture as a data URL, so that no server is needed."""
        source: PixelSource = DatasetSource(self.dataset.train, self.dataset.test)
        if self.dataset.name == "image_folder":
            source = FolderSource(pathlib.Path(self.data_dir).expanduser())
        content, kind = encode(shrink(source.pixels(item), SIZES["full"]))
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"
