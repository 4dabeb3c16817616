"""The base class of oracles whose answers a person writes into a file."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from dbal_tf.artifacts import Dataset
from dbal_tf.config import Config
from dbal_tf.core import Say
from dbal_tf.labelling.answer_files import check_names
from dbal_tf.store.layout import FILES_TO_LABEL
from dbal_tf.store.reader import RunReader
from dbal_tf.store.rows import TRAIN


@dataclasses.dataclass(frozen=True, eq=False)
class FileOracle:
    """A person who answers in files between two starts of the program.

    `run` reads the answers, or writes the files and raises `AnswersAwaited`. See the
    flags of the same names.
    """

    annotator: ClassVar[str] = "person"

    run_dir: str
    data_dir: str
    dataset: Dataset

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> Self:
        """Builds the oracle from the settings."""
        return cls(config.run_dir, config.data_dir, dataset)

    def check(self) -> None:
        """Checks the names of the classes.

        Raises:
            InputError: One cannot be told from `skipped` or `unsure`.
        """
        check_names(self.dataset.class_names)

    def told(self) -> None:
        """Does nothing: an export can be read again."""

    @contextlib.contextmanager
    def attend(self, say: Say) -> Iterator[None]:
        """Says at the first start why the first file is long; a person answers it later."""
        reader = RunReader.open(pathlib.Path(self.run_dir))
        start = reader.query(None).ids.tolist()
        # Later the file was written, or its answers have been read.
        written = any(pathlib.Path(self.run_dir, name).exists() for name in FILES_TO_LABEL)
        if written or np.isin(start, reader.answered_ids()).any():
            start = []
        if held_out := sum(reader.use(item) != TRAIN for item in start):
            say(
                f"The run begins with {len(start)} images: {len(start) - held_out} to train "
                f"on, and {held_out} to measure errors on, for which no later file asks. Skip "
                "those that you do not want to label, or choose a smaller --test_size and "
                "another --run_dir."
            )
        yield
